import { createHash } from 'node:crypto';
import { z } from 'zod';
import { counted, InputError } from '../errors.ts';
import type { Floats, Kernels } from '../kernels/kernels.ts';
import { HYPERPARAMETERS, type HyperparameterRule, type Hyperparameters } from '../neural/hyperparameters.ts';
import {
  IPV4_PREFIX_LENGTHS,
  IPV6_PREFIX_LENGTHS,
  NO_ROW,
  type PrefixRows,
  PrefixTable,
} from '../neural/prefixes.ts';
import { Model, type ModelCard } from './model.ts';
import { SeenEntities } from './seenEntities.ts';

/*
 * The model file, version 1 (docs/model-file.md), little-endian:
 *
 *   0   8 bytes   magic "IPINSGHT"
 *   8   u32       version
 *   12  u32       H, length of the header
 *   16  H bytes   header: JSON, UTF-8, padded with blanks so that the first section is aligned
 *   …             sections, each at a multiple of 64 bytes, the gaps filled with zeros
 *   end 32 bytes  SHA-256 of everything before
 */
const MAGIC = new TextEncoder().encode('IPINSGHT');
const VERSION = 1;
const ALIGNMENT = 64;
const DIGEST_BYTES = 32;
const PREAMBLE_BYTES = 16;

type Column = Float32Array | Uint32Array | Uint8Array;
const TYPES = { f32: Float32Array, u32: Uint32Array, u8: Uint8Array } as const;
type TypeName = keyof typeof TYPES;

const size = z.number().int().nonnegative();
const sectionSchema = z.strictObject({
  name: z.string(),
  type: z.enum(['f32', 'u32', 'u8']),
  shape: z.array(size).min(1).max(3),
  /** from the start of the file, in bytes */
  offset: size,
});
const finite = z.number();
const within = ({ minimum, maximum, integer }: HyperparameterRule) => {
  const number = z.number().min(minimum).max(maximum);
  return integer ? number.int() : number;
};
const cardSchema = z.strictObject({
  trainedBy: z.string(),
  hyperparameters: z.strictObject(
    Object.fromEntries(HYPERPARAMETERS.map((rule) => [rule.name, within(rule)])) as Record<
      keyof Hyperparameters,
      z.ZodNumber
    >,
  ),
  seed: size,
  data: z.strictObject({
    events: size,
    entities: size,
    ipv4Events: size,
    ipv6Events: size,
    firstTime: finite.nullable(),
    lastTime: finite.nullable(),
    prefixes: size,
  }),
  prefixLengths: z.strictObject({ ipv4: z.array(size), ipv6: z.array(size) }),
  history: z.array(
    z.strictObject({
      epoch: size,
      crossEntropyNats: finite,
      accuracy: finite,
      discriminatorAuc: finite.nullable(),
    }),
  ),
});
const headerSchema = z.strictObject({ card: cardSchema, sections: z.array(sectionSchema) });
type Section = z.infer<typeof sectionSchema>;

/** The sections of a model and their shapes: what is written, and what a reader insists on. */
function layout(card: ModelCard): [name: string, type: TypeName, shape: number[]][] {
  const { numEntityVectors, vectorDim, numIpEncoderLayers } = card.hyperparameters;
  const { prefixes, entities } = card.data;
  return [
    ['entity_vectors', 'f32', [numEntityVectors, vectorDim]],
    ['prefix_vectors', 'f32', [prefixes, vectorDim]],
    ['encoder_layers', 'f32', [numIpEncoderLayers, vectorDim + 1, vectorDim]],
    ['prefix_high', 'u32', [prefixes]],
    ['prefix_low', 'u32', [prefixes]],
    ['prefix_level', 'u8', [prefixes]],
    ['seen_entities', 'u32', [entities, 2]],
  ];
}

const elements = (shape: number[]) => shape.reduce((product, n) => product * n, 1);
const aligned = (at: number) => Math.ceil(at / ALIGNMENT) * ALIGNMENT;

const float32 = (column: Floats) => (column instanceof Float32Array ? column : new Float32Array(column));

function columns({ weights, seen }: Model): Record<string, Column[]> {
  const { rows } = weights.prefixes;
  return {
    entity_vectors: [float32(weights.entityVectors)],
    prefix_vectors: [float32(weights.prefixVectors)],
    encoder_layers: weights.layers.map(float32),
    prefix_high: [rows.high],
    prefix_low: [rows.low],
    prefix_level: [rows.level],
    seen_entities: [seen.hashes],
  };
}

/** Neither the hash nor a file takes 2 GiB in one call. */
const PIECE_BYTES = 1 << 26;

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** Writes a model piece by piece. The same model gives the same bytes, also after it was read from a file. */
export function writeModel(model: Model, write: (bytes: Uint8Array) => void): void {
  // Puts the keys into the order of the schema, and would find a card that no reader takes.
  const card = cardSchema.parse(model.card);
  const wanted = layout(card);
  // Offsets stand in the header, whose length decides the offsets: lay out with a generous header first.
  const describe = (headerBytes: number) => {
    let at = aligned(PREAMBLE_BYTES + headerBytes);
    const sections: Section[] = [];
    for (const [name, type, shape] of wanted) {
      sections.push({ name, type, shape, offset: at });
      at = aligned(at + elements(shape) * TYPES[type].BYTES_PER_ELEMENT);
    }
    return new TextEncoder().encode(JSON.stringify({ card, sections }));
  };
  const headerBytes = aligned(PREAMBLE_BYTES + describe(2 ** 40).length) - PREAMBLE_BYTES;
  const header = new Uint8Array(headerBytes).fill(32);
  header.set(describe(headerBytes));
  const hash = createHash('sha256');
  let at = 0;
  const put = (bytes: Uint8Array) => {
    for (const piece of pieces(bytes)) {
      hash.update(piece);
      write(piece);
    }
    at += bytes.length;
  };
  const preamble = new Uint8Array(PREAMBLE_BYTES);
  preamble.set(MAGIC);
  const view = new DataView(preamble.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, headerBytes, true);
  put(preamble);
  put(header);
  const data = columns(model);
  for (const [name] of wanted) {
    for (const column of data[name]) put(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
    put(new Uint8Array(aligned(at) - at));
  }
  write(hash.digest());
}

/**
 * Reads a model; its tables are views of the bytes, not copies.
 * @param name how messages call the file
 * @throws InputError for every kind of damage, with a sentence of its own
 */
export function readModel(bytes: Uint8Array, name: string, kernels: Kernels): Model {
  const { card, sections, headerBytes } = readHeader(bytes, name);
  requireSamePrefixLengths(card, name);
  const end = checkSections(card, sections, PREAMBLE_BYTES + headerBytes, name);
  const expectedBytes = end + DIGEST_BYTES;
  if (bytes.length < expectedBytes) {
    throw new InputError(
      `${name}: is cut short: expected ${expectedBytes} bytes, got ${bytes.length}. Copy it again, or retrain.`,
    );
  }
  if (bytes.length > expectedBytes) {
    throw new InputError(
      `${name}: has ${counted(bytes.length - expectedBytes, 'byte')} too many: expected ${expectedBytes}, got ${bytes.length}. Copy it again, or retrain.`,
    );
  }
  const hash = createHash('sha256');
  for (const piece of pieces(bytes.subarray(0, -DIGEST_BYTES))) hash.update(piece);
  if (Buffer.compare(hash.digest(), bytes.subarray(-DIGEST_BYTES)) !== 0) {
    throw new InputError(
      `${name}: its checksum does not match its content: the file was changed or damaged. Copy it again, or retrain.`,
    );
  }
  // Views need alignment in memory too.
  const base = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const column = <T extends Column>(wantedName: string): T => {
    const { type, shape, offset } = sections.find((section) => section.name === wantedName)!;
    return new TYPES[type](base.buffer as ArrayBuffer, base.byteOffset + offset, elements(shape)) as T;
  };
  const numbers = (wantedName: string): Float32Array => {
    const values = column<Float32Array>(wantedName);
    if (!allFinite(values)) {
      throw new InputError(`${name}: section ${wantedName} holds NaN or infinity. Retrain.`);
    }
    return values;
  };
  const { vectorDim, numIpEncoderLayers } = card.hyperparameters;
  const layers = numbers('encoder_layers');
  const layerSize = (vectorDim + 1) * vectorDim;
  const weights = {
    dimension: vectorDim,
    entityVectors: numbers('entity_vectors'),
    prefixVectors: numbers('prefix_vectors'),
    prefixes: checkedPrefixes(
      {
        count: card.data.prefixes,
        level: column<Uint8Array>('prefix_level'),
        high: column<Uint32Array>('prefix_high'),
        low: column<Uint32Array>('prefix_low'),
      },
      name,
    ),
    layers: Array.from({ length: numIpEncoderLayers }, (_, l) =>
      layers.subarray(l * layerSize, (l + 1) * layerSize),
    ),
  };
  const seen = column<Uint32Array>('seen_entities');
  for (let i = 2; i < seen.length; i += 2) {
    if (seen[i - 1] > seen[i + 1] || (seen[i - 1] === seen[i + 1] && seen[i - 2] >= seen[i])) {
      throw new InputError(`${name}: seen_entities ${i / 2} is out of order. Retrain.`);
    }
  }
  return new Model(card, weights, new SeenEntities(seen), kernels);
}

/** @returns where the last section ends, gap included */
function checkSections(card: ModelCard, sections: Section[], start: number, name: string): number {
  const wanted = layout(card);
  if (sections.length !== wanted.length) {
    throw new InputError(
      `${name}: expected ${wanted.length} sections, the header lists ${sections.length}. Train the model again.`,
    );
  }
  let at = aligned(start);
  for (const [i, [wantedName, type, shape]] of wanted.entries()) {
    const section = sections[i];
    if (section.name !== wantedName || section.type !== type || String(section.shape) !== String(shape)) {
      throw new InputError(
        `${name}: section ${i + 1} should be ${wantedName} ${type}[${shape.join(' × ')}], the header says ${section.name} ${section.type}[${section.shape.join(' × ')}]. Train the model again.`,
      );
    }
    if (section.offset !== at) {
      throw new InputError(
        `${name}: section ${section.name} should start at byte ${at}, the header says ${section.offset}. Train the model again.`,
      );
    }
    at = aligned(at + elements(shape) * TYPES[type].BYTES_PER_ELEMENT);
  }
  return at;
}

function allFinite(values: Float32Array): boolean {
  // A sum is finite where all its terms are: doubles have room for 2^896 of the largest floats. One pass, no branch.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.abs(values[i]);
  return Number.isFinite(sum);
}

/** The length of the prefixes of each level; those of IPv4 come first. */
const LEVEL_LENGTHS: readonly number[] = [...IPV4_PREFIX_LENGTHS, ...IPV6_PREFIX_LENGTHS];

/** Rows must be in strict order, name whole prefixes, and each but the two roots must have a wider one above it. */
function checkedPrefixes(rows: PrefixRows, name: string): PrefixTable {
  const { level, high, low, count } = rows;
  const bad = (row: number, what: string) => new InputError(`${name}: prefix ${row} ${what}. Retrain.`);
  for (let row = 0; row < count; row++) {
    if (level[row] >= LEVEL_LENGTHS.length) {
      throw bad(row, `has level ${level[row]}, there are ${LEVEL_LENGTHS.length}`);
    }
    const length = LEVEL_LENGTHS[level[row]];
    const highBits = length >= 32 ? 0 : 2 ** (32 - length) - 1;
    const lowBits = length >= 64 ? 0 : length <= 32 ? 0xffffffff : 2 ** (64 - length) - 1;
    if ((high[row] & highBits) !== 0 || (low[row] & lowBits) !== 0) {
      throw bad(row, `has bits beyond its length of ${length}`);
    }
    if (row === 0) continue;
    const order = level[row - 1] - level[row] || high[row - 1] - high[row] || low[row - 1] - low[row];
    if (order >= 0) throw bad(row, 'is out of order');
  }
  const table = new PrefixTable(rows);
  for (let row = 0; row < count; row++) {
    if (table.parent[row] === NO_ROW && LEVEL_LENGTHS[level[row]] !== 0)
      throw bad(row, 'has no wider one above it');
  }
  return table;
}

function requireSamePrefixLengths({ prefixLengths }: ModelCard, name: string): void {
  const ours = { ipv4: IPV4_PREFIX_LENGTHS, ipv6: IPV6_PREFIX_LENGTHS };
  for (const family of ['ipv4', 'ipv6'] as const) {
    if (String(prefixLengths[family]) === String(ours[family])) continue;
    throw new InputError(
      `${name}: has vectors for ${family} prefixes /${prefixLengths[family].join(', /')}, this build for /${ours[family].join(', /')}. Retrain.`,
    );
  }
}

function readHeader(
  bytes: Uint8Array,
  name: string,
): { card: ModelCard; sections: Section[]; headerBytes: number } {
  if (bytes.length === 0)
    throw new InputError(`${name}: is empty, expected a model. Train one: ip-insights train.`);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    const what = bytes[0] === 0x1f && bytes[1] === 0x8b ? ' It is gzip: unpack it first.' : '';
    throw new InputError(`${name}: is not an ip-insights model: it does not start with "IPINSGHT".${what}`);
  }
  if (bytes.length < PREAMBLE_BYTES) {
    throw new InputError(
      `${name}: is cut short inside its first ${PREAMBLE_BYTES} bytes. Copy it again, or retrain.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint32(8, true);
  if (version !== VERSION) {
    throw new InputError(
      `${name}: written as v${version}, this build reads v${VERSION}. ${version > VERSION ? 'Upgrade, or retrain.' : 'Retrain.'}`,
    );
  }
  const headerBytes = view.getUint32(12, true);
  if (bytes.length < PREAMBLE_BYTES + headerBytes) {
    throw new InputError(`${name}: is cut short inside its header. Copy it again, or retrain.`);
  }
  let json: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(
      bytes.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + headerBytes),
    );
    json = JSON.parse(text);
  } catch {
    throw new InputError(
      `${name}: its header is not JSON: the file was changed or damaged. Copy it again, or retrain.`,
    );
  }
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new InputError(
      `${name}: its header is not one of a model: ${path.join('.')}: ${message}. Copy it again, or retrain.`,
    );
  }
  return { ...parsed.data, headerBytes };
}

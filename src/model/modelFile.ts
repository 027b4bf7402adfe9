import { createHash } from 'node:crypto';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { PrefixTable } from '../neural/prefixes.ts';
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
const cardSchema = z.strictObject({
  trainedBy: z.string(),
  hyperparameters: z.strictObject({
    numEntityVectors: finite,
    vectorDim: finite,
    epochs: finite,
    learningRate: finite,
    miniBatchSize: finite,
    numIpEncoderLayers: finite,
    randomNegativeSamplingRate: finite,
    shuffledNegativeSamplingRate: finite,
    weightDecay: finite,
    batchMetricsPublishInterval: finite,
  }),
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

function columns({ weights, seen }: Model): Record<string, Column[]> {
  const { rows } = weights.prefixes;
  return {
    entity_vectors: [Float32Array.from(weights.entityVectors)],
    prefix_vectors: [Float32Array.from(weights.prefixVectors)],
    encoder_layers: weights.layers.map((layer) => Float32Array.from(layer)),
    prefix_high: [rows.high],
    prefix_low: [rows.low],
    prefix_level: [rows.level],
    seen_entities: [seen.hashes],
  };
}

/** Writes a model piece by piece. The same model gives the same bytes. */
export function writeModel(model: Model, write: (bytes: Uint8Array) => void): void {
  const wanted = layout(model.card);
  // Offsets stand in the header, whose length decides the offsets: lay out with a generous header first.
  const describe = (headerBytes: number) => {
    let at = aligned(PREAMBLE_BYTES + headerBytes);
    const sections: Section[] = [];
    for (const [name, type, shape] of wanted) {
      sections.push({ name, type, shape, offset: at });
      at = aligned(at + elements(shape) * TYPES[type].BYTES_PER_ELEMENT);
    }
    return new TextEncoder().encode(JSON.stringify({ card: model.card, sections }));
  };
  const headerBytes = aligned(PREAMBLE_BYTES + describe(2 ** 40).length) - PREAMBLE_BYTES;
  const header = new Uint8Array(headerBytes).fill(32);
  header.set(describe(headerBytes));
  const hash = createHash('sha256');
  let at = 0;
  const put = (bytes: Uint8Array) => {
    hash.update(bytes);
    write(bytes);
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
  const { card, sections } = readHeader(bytes, name);
  const wanted = layout(card);
  if (sections.length !== wanted.length) {
    throw new InputError(
      `${name}: expected ${wanted.length} sections, the header lists ${sections.length}. Train the model again.`,
    );
  }
  let end = 0;
  for (const [i, [wantedName, type, shape]] of wanted.entries()) {
    const section = sections[i];
    if (section.name !== wantedName || section.type !== type || String(section.shape) !== String(shape)) {
      throw new InputError(
        `${name}: section ${i + 1} should be ${wantedName} ${type}[${shape.join(' × ')}], the header says ${section.name} ${section.type}[${section.shape.join(' × ')}]. Train the model again.`,
      );
    }
    if (section.offset % ALIGNMENT !== 0 || section.offset < end) {
      throw new InputError(
        `${name}: section ${section.name} starts at byte ${section.offset}, where it cannot. Train the model again.`,
      );
    }
    end = section.offset + elements(shape) * TYPES[type].BYTES_PER_ELEMENT;
  }
  const expectedBytes = aligned(end) + DIGEST_BYTES;
  if (bytes.length < expectedBytes) {
    throw new InputError(
      `${name}: is cut short: expected ${expectedBytes} bytes, got ${bytes.length}. Copy it again, or retrain.`,
    );
  }
  if (bytes.length > expectedBytes) {
    throw new InputError(
      `${name}: has ${bytes.length - expectedBytes} bytes too many: expected ${expectedBytes}, got ${bytes.length}. Copy it again, or retrain.`,
    );
  }
  const digest = createHash('sha256').update(bytes.subarray(0, -DIGEST_BYTES)).digest();
  if (Buffer.compare(digest, bytes.subarray(-DIGEST_BYTES)) !== 0) {
    throw new InputError(
      `${name}: its checksum does not match its content: the file was changed or damaged. Copy it again, or retrain.`,
    );
  }
  // Views need alignment in memory too.
  const base = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const column = <T extends Column>(wantedName: string): T => {
    const { type, shape, offset } = sections.find((section) => section.name === wantedName)!;
    return new TYPES[type](base.buffer as ArrayBuffer, base.byteOffset + offset, elements(shape)) as T;
  };
  const { vectorDim, numIpEncoderLayers } = card.hyperparameters;
  const layers = column<Float32Array>('encoder_layers');
  const layerSize = (vectorDim + 1) * vectorDim;
  const weights = {
    dimension: vectorDim,
    entityVectors: column<Float32Array>('entity_vectors'),
    prefixVectors: column<Float32Array>('prefix_vectors'),
    prefixes: new PrefixTable({
      count: card.data.prefixes,
      level: column<Uint8Array>('prefix_level'),
      high: column<Uint32Array>('prefix_high'),
      low: column<Uint32Array>('prefix_low'),
    }),
    layers: Array.from({ length: numIpEncoderLayers }, (_, l) =>
      layers.subarray(l * layerSize, (l + 1) * layerSize),
    ),
  };
  return new Model(card, weights, new SeenEntities(column<Uint32Array>('seen_entities')), kernels);
}

function readHeader(bytes: Uint8Array, name: string): { card: ModelCard; sections: Section[] } {
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
  return parsed.data;
}

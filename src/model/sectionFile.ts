import { createHash } from 'node:crypto';
import { z } from 'zod';
import { counted, InputError } from '../errors.ts';
import { type Bytes, inMemory, part, pieces, type Source } from './source.ts';

/*
 * How models and checkpoints are laid out in a file (docs/model-file.md), little-endian:
 *
 *   0   8 bytes   magic
 *   8   u32       version
 *   12  u32       H, length of the header
 *   16  H bytes   header: JSON, UTF-8, padded with blanks so that the first section is aligned
 *   …             sections, each at a multiple of 64 bytes, the gaps filled with zeros
 *   end 32 bytes  SHA-256 of everything before
 */
const ALIGNMENT = 64;
const DIGEST_BYTES = 32;
const PREAMBLE_BYTES = 16;

export type Column = Float32Array | Float64Array | Uint32Array | Uint16Array | Uint8Array | Int8Array;
export const TYPES = {
  f32: Float32Array,
  f64: Float64Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
  i8: Int8Array,
} as const;
type TypeName = keyof typeof TYPES;

/** A kind of file, and how messages speak of it. */
export interface FileKind<Card> {
  /** 8 bytes */
  magic: string;
  version: number;
  /** `a model` */
  what: string;
  /** the next step where there is no file of this kind */
  makeOne: string;
  /** the next step where this one is damaged: `Copy it again, or retrain.` */
  getAnother: string;
  /** the next step where this one is of no use: `Retrain.` */
  makeAgain: string;
  /** files that are often taken for one of this kind: the sentence for each, by its magic */
  mistaken?: Readonly<Record<string, string>>;
  /** what describes the content: the first key of the header */
  card: z.ZodType<Card>;
  /** The sections and their shapes: what is written, and what a reader insists on. */
  layout(card: Card): SectionShape[];
}

/** Whether to look at the checksum, and whether numbers are finite; `elsewhere`: another thread does so meanwhile, or has done. */
export type Checksum = 'verify' | 'elsewhere';

export type SectionShape = [name: string, type: TypeName, shape: number[]];

const size = z.number().int().nonnegative();
const sectionSchema = z.strictObject({
  name: z.string(),
  type: z.enum(['f32', 'f64', 'u32', 'u16', 'u8', 'i8']),
  shape: z.array(size).min(1).max(3),
  /** from the start of the file, in bytes */
  offset: size,
});
type Section = z.infer<typeof sectionSchema>;

export const elements = (shape: number[]) => shape.reduce((product, n) => product * n, 1);
const aligned = (at: number) => Math.ceil(at / ALIGNMENT) * ALIGNMENT;

/**
 * Writes a file piece by piece.
 * @param columns for each section what stands in it, one after the other; asked for in the order of the layout
 * @returns its checksum, which is its end
 */
export function writeSections<Card>(
  kind: FileKind<Card>,
  givenCard: Card,
  columns: Record<string, Iterable<Bytes>>,
  write: (bytes: Uint8Array) => void,
): Uint8Array {
  // Puts the keys into the order of the schema, and would find a card that no reader takes.
  const card = kind.card.parse(givenCard);
  const hash = createHash('sha256');
  let at = 0;
  const put = (bytes: Bytes) => {
    for (const piece of pieces(inMemory(bytes))) {
      hash.update(piece);
      write(piece);
    }
    at += bytes.byteLength;
  };
  put(headOf(kind, card));
  for (const [name] of kind.layout(card)) {
    for (const column of columns[name]) put(column);
    put(new Uint8Array(aligned(at) - at));
  }
  const digest = hash.digest();
  write(digest);
  return digest;
}

/** How long the file of a card is, in bytes. */
export function fileBytes<Card>(kind: FileKind<Card>, givenCard: Card): number {
  const card = kind.card.parse(givenCard);
  let at = headOf(kind, card).length;
  for (const [, type, shape] of kind.layout(card)) {
    at = aligned(at + elements(shape) * TYPES[type].BYTES_PER_ELEMENT);
  }
  return at + DIGEST_BYTES;
}

/** Magic, version and header: all that stands before the first section. */
export function headOf<Card>(kind: FileKind<Card>, card: Card): Uint8Array {
  const wanted = kind.layout(card);
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
  const head = new Uint8Array(PREAMBLE_BYTES + headerBytes);
  head.set(new TextEncoder().encode(kind.magic));
  const view = new DataView(head.buffer);
  view.setUint32(8, kind.version, true);
  view.setUint32(12, headerBytes, true);
  head.fill(32, PREAMBLE_BYTES);
  head.set(describe(headerBytes), PREAMBLE_BYTES);
  return head;
}

/** What was read of a file that stays on the disk. */
export interface StoredSections<Card> {
  card: Card;
  /**
   * Fills an array with a part of a section.
   * @param from the first of its elements
   * @throws InputError where it has numbers that are not finite
   */
  fill(name: string, column: Column, from: number): void;
}

/**
 * Checks a whole file; its sections are then read to where they belong, so that no table is in memory twice.
 * @param checksum whether to look at it, or another process does
 * @throws InputError for every kind of damage, with a sentence of its own
 */
export function openSections<Card>(
  kind: FileKind<Card>,
  source: Source,
  name: string,
  checksum: Checksum,
): StoredSections<Card> {
  const { card, sections } = checkFile(kind, source, name, checksum);
  return {
    card,
    fill(wantedName, column, from) {
      const { offset } = sections.find((section) => section.name === wantedName)!;
      source.fill(offset + from * column.BYTES_PER_ELEMENT, column);
      if (column instanceof Float32Array || column instanceof Float64Array)
        requireFinite(kind, column, wantedName, name);
    },
  };
}

/** What was read: the card, and each section as a view of the bytes. */
export interface Sections<Card> {
  card: Card;
  column<T extends Column>(name: string): T;
  /** a section of numbers that must be finite */
  numbers(name: string): Float32Array;
}

/**
 * Reads a file; its sections are views of the bytes, not copies.
 * @param name     how messages call the file
 * @param checksum whether to look at it, or somebody else does
 * @throws InputError for every kind of damage, with a sentence of its own
 */
export function readSections<Card>(
  kind: FileKind<Card>,
  bytes: Bytes,
  name: string,
  checksum: Checksum = 'verify',
): Sections<Card> {
  const { card, sections } = checkFile(kind, inMemory(bytes), name, checksum);
  // Views need alignment in memory too.
  const base = bytes.byteOffset % 8 === 0 ? bytes : part(bytes, 0, bytes.byteLength).slice();
  const column = <T extends Column>(wantedName: string): T => {
    const { type, shape, offset } = sections.find((section) => section.name === wantedName)!;
    return new TYPES[type](base.buffer as ArrayBuffer, base.byteOffset + offset, elements(shape)) as T;
  };
  const numbers = (wantedName: string): Float32Array => {
    const values = column<Float32Array>(wantedName);
    if (checksum === 'verify') requireFinite(kind, values, wantedName, name);
    return values;
  };
  return { card, column, numbers };
}

function requireFinite<Card>(
  kind: FileKind<Card>,
  values: Float32Array | Float64Array,
  section: string,
  name: string,
): void {
  if (values instanceof Float64Array ? values.every(Number.isFinite) : allFinite(values)) return;
  throw new InputError(`${name}: section ${section} holds NaN or infinity. ${kind.makeAgain}`);
}

/** Header, sections, length and checksum of a file. */
function checkFile<Card>(
  kind: FileKind<Card>,
  source: Source,
  name: string,
  checksum: Checksum = 'verify',
): { card: Card; sections: Section[] } {
  const { card, sections, end } = checkHead(kind, source, name);
  if (checksum === 'elsewhere') return { card, sections };
  const hash = createHash('sha256');
  for (const piece of pieces(source, end)) hash.update(piece);
  requireDigest(kind, hash.digest(), source, end, name);
  return { card, sections };
}

/** Header, sections and length. @returns where the first section begins and the last one ends, too */
export function checkHead<Card>(
  kind: FileKind<Card>,
  source: Source,
  name: string,
): { card: Card; sections: Section[]; headBytes: number; end: number } {
  const { card, sections, headerBytes } = readHeader(kind, source, name);
  const headBytes = PREAMBLE_BYTES + headerBytes;
  const end = checkSections(kind, card, sections, headBytes, name);
  const expectedBytes = end + DIGEST_BYTES;
  const { sizeBytes } = source;
  if (sizeBytes < expectedBytes) {
    throw new InputError(
      `${name}: is cut short: expected ${expectedBytes} bytes, got ${sizeBytes}. ${kind.getAnother}`,
    );
  }
  if (sizeBytes > expectedBytes) {
    throw new InputError(
      `${name}: has ${counted(sizeBytes - expectedBytes, 'byte')} too many: expected ${expectedBytes}, got ${sizeBytes}. ${kind.getAnother}`,
    );
  }
  return { card, sections, headBytes, end };
}

export function requireDigest<Card>(
  kind: FileKind<Card>,
  digest: Uint8Array,
  source: Source,
  end: number,
  name: string,
): void {
  if (Buffer.compare(digest, source.piece(end, DIGEST_BYTES)) === 0) return;
  throw new InputError(
    `${name}: its checksum does not match its content: the file was changed or damaged. ${kind.getAnother}`,
  );
}

/** The checksum at the end of a file, which names its content. @returns hex */
export function digestOf({ buffer, byteOffset, byteLength }: Bytes): string {
  const length = Math.min(DIGEST_BYTES, byteLength);
  return Buffer.from(new Uint8Array(buffer, byteOffset + byteLength - length, length)).toString('hex');
}

/** @returns where the last section ends, gap included */
function checkSections<Card>(
  kind: FileKind<Card>,
  card: Card,
  sections: Section[],
  start: number,
  name: string,
): number {
  const wanted = kind.layout(card);
  if (sections.length !== wanted.length) {
    throw new InputError(
      `${name}: expected ${wanted.length} sections, the header lists ${sections.length}. ${kind.makeAgain}`,
    );
  }
  let at = aligned(start);
  for (const [i, [wantedName, type, shape]] of wanted.entries()) {
    const section = sections[i];
    if (section.name !== wantedName || section.type !== type || String(section.shape) !== String(shape)) {
      throw new InputError(
        `${name}: section ${i + 1} should be ${wantedName} ${type}[${shape.join(' × ')}], the header says ${section.name} ${section.type}[${section.shape.join(' × ')}]. ${kind.makeAgain}`,
      );
    }
    if (section.offset !== at) {
      throw new InputError(
        `${name}: section ${section.name} should start at byte ${at}, the header says ${section.offset}. ${kind.makeAgain}`,
      );
    }
    at = aligned(at + elements(shape) * TYPES[type].BYTES_PER_ELEMENT);
  }
  return at;
}

function allFinite(values: Float32Array): boolean {
  // A sum is finite where all its terms are: doubles have room for 2^896 of the largest floats. One pass, no branch.
  // Four sums at once do not wait for each other.
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a += Math.abs(values[i]);
    b += Math.abs(values[i + 1]);
    c += Math.abs(values[i + 2]);
    d += Math.abs(values[i + 3]);
  }
  for (let i = whole; i < values.length; i++) a += Math.abs(values[i]);
  return Number.isFinite(a + b + c + d);
}

function readHeader<Card>(
  kind: FileKind<Card>,
  source: Source,
  name: string,
): { card: Card; sections: Section[]; headerBytes: number } {
  const { sizeBytes } = source;
  if (sizeBytes === 0) throw new InputError(`${name}: is empty, expected ${kind.what}. ${kind.makeOne}`);
  const start = source.piece(0, Math.min(PREAMBLE_BYTES, sizeBytes)).slice();
  if (new TextEncoder().encode(kind.magic).some((byte, i) => start[i] !== byte)) {
    const other = kind.mistaken?.[new TextDecoder().decode(start.subarray(0, kind.magic.length))];
    if (other !== undefined) throw new InputError(`${name}: ${other}`);
    const next = start[0] === 0x1f && start[1] === 0x8b ? 'It is gzip: unpack it first.' : kind.makeOne;
    throw new InputError(
      `${name}: is not ${kind.what} of ip-insights: it does not start with "${kind.magic}". ${next}`,
    );
  }
  if (sizeBytes < PREAMBLE_BYTES) {
    throw new InputError(
      `${name}: is cut short inside its first ${PREAMBLE_BYTES} bytes. ${kind.getAnother}`,
    );
  }
  const view = new DataView(start.buffer);
  const version = view.getUint32(8, true);
  if (version !== kind.version) {
    throw new InputError(
      `${name}: written as v${version}, this build reads v${kind.version}. ${version > kind.version ? `Upgrade, or ${lowerFirst(kind.makeAgain)}` : kind.makeAgain}`,
    );
  }
  const headerBytes = view.getUint32(12, true);
  if (sizeBytes < PREAMBLE_BYTES + headerBytes) {
    throw new InputError(`${name}: is cut short inside its header. ${kind.getAnother}`);
  }
  let json: unknown;
  try {
    const header = source.piece(PREAMBLE_BYTES, headerBytes);
    // A decoder takes no bytes of shared memory.
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header.slice()));
  } catch {
    throw new InputError(
      `${name}: its header is not JSON: the file was changed or damaged. ${kind.getAnother}`,
    );
  }
  const schema = z.strictObject({ card: kind.card, sections: z.array(sectionSchema) });
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw new InputError(
      `${name}: its header is not one of ${kind.what}: ${path.join('.')}: ${message}. ${kind.getAnother}`,
    );
  }
  return { card: parsed.data.card as Card, sections: parsed.data.sections, headerBytes };
}

const lowerFirst = (sentence: string) => sentence[0].toLowerCase() + sentence.slice(1);

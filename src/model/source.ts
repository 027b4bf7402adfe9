/** Neither the hash nor a file takes 2 GiB in one call. */
const PIECE_BYTES = 1 << 26;

/** Some bytes of a buffer: an array of any kind, or a view where there are more than an array holds. */
export type Bytes = Pick<DataView, 'buffer' | 'byteOffset' | 'byteLength'>;

/** Bytes [from, from + length) of them, not copied. */
export const part = ({ buffer, byteOffset }: Bytes, from: number, length: number) =>
  new Uint8Array(buffer, byteOffset + from, length);

/** Where a file is read from: memory, or the disk piece by piece. */
export interface Source {
  sizeBytes: number;
  /** @returns bytes [from, from + length); good until the next call */
  piece(from: number, length: number): Uint8Array;
  /** fills an array with the bytes from there on */
  fill(from: number, into: Bytes): void;
}

/** Bytes that are in memory already. */
export const inMemory = (bytes: Bytes): Source => ({
  sizeBytes: bytes.byteLength,
  piece: (from, length) => part(bytes, from, length),
  fill: (from, into) => part(into, 0, into.byteLength).set(part(bytes, from, into.byteLength)),
});

/** All of the bytes, or those before `end`, in pieces; each is good until the next. */
export function* pieces(source: Source, end = source.sizeBytes): Generator<Uint8Array> {
  for (let at = 0; at < end; at += PIECE_BYTES) yield source.piece(at, Math.min(PIECE_BYTES, end - at));
}

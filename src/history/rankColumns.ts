import type { Ranks } from '../mpi/ranks.ts';

/*
 * Columns of numbers between ranks. With one rank, what it has is returned as it is.
 */

type Column = Uint8Array | Uint32Array | Float32Array | Float64Array;
type ColumnKind<T extends Column> = { new (buffer: ArrayBufferLike): T };

const bytesOf = ({ buffer, byteOffset, byteLength }: Column): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The numbers of blocks, one after the other, in memory of their own: bytes that arrive may begin where no number can. */
function joined<T extends Column>(kind: ColumnKind<T>, blocks: Uint8Array[], isShared = false): T {
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  const all = new Uint8Array(isShared ? new SharedArrayBuffer(length) : new ArrayBuffer(length));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return new kind(all.buffer);
}

/** The numbers of all ranks, by rank, for all. @param isShared whether threads are to share them */
export function gathered<T extends Column>(
  ranks: Ranks,
  kind: ColumnKind<T>,
  column: T,
  isShared = false,
): T {
  return ranks.size === 1 ? column : joined(kind, ranks.gatherAll(bytesOf(column)), isShared);
}

/** The same for rank 0 alone: the others get none. */
export function gatheredAtFirst<T extends Column>(ranks: Ranks, kind: ColumnKind<T>, column: T): T {
  if (ranks.size === 1) return column;
  const none = new Uint8Array(0);
  return joined(
    kind,
    ranks.exchange(Array.from({ length: ranks.size }, (_, rank) => (rank === 0 ? bytesOf(column) : none))),
  );
}

/** What rank 0 has, for all. */
export function told<T extends Column>(ranks: Ranks, kind: ColumnKind<T>, column: T | undefined): T {
  if (ranks.size === 1) return column!;
  return joined(kind, [ranks.broadcast(column && bytesOf(column), 0)]);
}

/** parts[r] to rank r. @returns what came, by rank */
export function exchanged<T extends Column>(ranks: Ranks, kind: ColumnKind<T>, parts: T[]): T {
  return ranks.size === 1 ? parts[0] : joined(kind, ranks.exchange(parts.map(bytesOf)));
}

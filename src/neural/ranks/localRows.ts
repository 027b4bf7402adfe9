import { NO_ROW } from '../../kernels/kernels.ts';
import type { PrefixRowTree } from '../prefixes.ts';
import type { ShardBorders } from '../shards.ts';
import { type AddressShare, localRow, rowCount } from './rankPlan.ts';

/** The address rows of one rank, by their numbers there. */
export class LocalRows implements PrefixRowTree {
  readonly parent: Uint32Array;
  /** the borders of shards; those of others' shards are before or behind all rows */
  readonly borders: ShardBorders;
  /** of each row: 0, or one more than its number among those that other ranks have too */
  readonly sharedNumber: Uint8Array; // (rows)
  /** those rows */
  readonly sharedRows: Uint32Array;
  readonly #tree: PrefixRowTree;

  /** @param tree of the share's rows */
  constructor(tree: PrefixRowTree, borders: ShardBorders, share: AddressShare) {
    this.#tree = tree;
    this.parent = tree.parent;
    this.borders = localBorders(borders, share);
    this.sharedRows = Uint32Array.from(share.shared, (row) => localRow(share, row));
    this.sharedNumber = new Uint8Array(rowCount(share));
    for (const [s, row] of this.sharedRows.entries()) this.sharedNumber[row] = s + 1;
  }

  measureChains(list: Uint32Array, count: number, depth: Uint32Array, shared: Uint32Array): void {
    this.#tree.measureChains(list, count, depth, shared);
  }

  sharedDepth(a: number, b: number): number {
    return this.#tree.sharedDepth(a, b);
  }
}

function localBorders({ rows, places, edges }: ShardBorders, share: AddressShare): ShardBorders {
  const { first, end } = share.shards;
  const own = {
    rows: new Uint32Array(rows.length),
    places: new Uint32Array(rows.length),
    edges: new Uint32Array(rows.length).fill(NO_ROW),
  };
  for (let v = 0; v < rows.length; v++) {
    // Border v lies between the shards v and v + 1: edges are asked for on both sides of own shards, the rest within them.
    if (v + 1 >= first && v < end && edges[v] !== NO_ROW) own.edges[v] = localRow(share, edges[v]);
    if (v + 1 <= first) continue;
    const isOwn = v + 1 < end;
    own.rows[v] = isOwn && rows[v] !== NO_ROW ? localRow(share, rows[v]) : NO_ROW;
    own.places[v] = isOwn ? places[v] : NO_ROW;
  }
  return own;
}

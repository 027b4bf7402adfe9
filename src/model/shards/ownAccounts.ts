import { hashModulo } from '../../events/entityHash.ts';
import type { AccountPlaces } from '../../history/accountPlaces.ts';
import { AccountWeights } from '../../history/accountWeights.ts';
import { gathered } from '../../history/rankColumns.ts';
import { totals } from '../../mpi/ofAllRanks.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import { isBytes, type Vectors } from '../../neural/network.ts';
import type { Range } from '../../neural/ranks/rankPlan.ts';
import { type AccountFigures, accountFigures } from '../modelFile.ts';
import { SeenEntities } from '../seenEntities.ts';

/** The accounts of rows of the entity table that follow each other. D vector. */
export interface OwnAccounts {
  rows: Range;
  /** of these rows */
  vectors: Vectors; // (rows, D)
  /** in the order of their hashes, none added since */
  seen: SeenEntities;
  places: AccountPlaces;
  weights: AccountWeights;
}

/**
 * Those of some of the rows.
 * @param entityRows of the whole table
 * @param experts    weights of an account
 */
export function accountsOfRows(
  own: OwnAccounts,
  rows: Range,
  entityRows: number,
  dimension: number,
  experts: number,
): OwnAccounts {
  if (rows.first === own.rows.first && rows.end === own.rows.end) return own;
  const { seen, places, weights } = own;
  const chosen: number[] = [];
  for (let account = 0; account < seen.count; account++) {
    const row = hashModulo(...seen.hashOf(account), entityRows);
    if (row >= rows.first && row < rows.end) chosen.push(account);
  }
  const order = Uint32Array.from(chosen);
  const numberOf = new Int32Array(seen.count).fill(-1);
  const hashes = new Uint32Array(order.length * 2);
  for (const [number, account] of order.entries()) {
    numberOf[account] = number;
    hashes.set(seen.hashOf(account), number * 2);
  }
  const untrained = Uint32Array.from(order.keys()).filter((number) => !seen.hasVector(order[number]));
  return {
    rows,
    vectors: vectorsOfRows(own.vectors, rows.first - own.rows.first, rows.end - own.rows.first, dimension),
    seen: new SeenEntities(hashes, untrained),
    places: places.compacted(order),
    weights: weightsOfAccounts(weights, numberOf, experts),
  };
}

/** Views, not copies. */
function vectorsOfRows(vectors: Vectors, first: number, end: number, D: number): Vectors {
  if (!isBytes(vectors)) return vectors.subarray(first * D, end * D);
  return {
    codes: vectors.codes.subarray(first * D, end * D),
    scales: vectors.scales.subarray(first, end),
  };
}

/** @param numberOf of each account, −1 for those left out; ascending */
function weightsOfAccounts(
  { entities, codes }: AccountWeights,
  numberOf: Int32Array,
  experts: number,
): AccountWeights {
  const rows = Uint32Array.from(entities.keys()).filter((row) => numberOf[entities[row]] >= 0);
  const chosen = new Uint8Array(rows.length * experts);
  for (const [to, row] of rows.entries()) {
    chosen.set(codes.subarray(row * experts, (row + 1) * experts), to * experts);
  }
  return new AccountWeights(
    rows.map((row) => numberOf[entities[row]]),
    chosen,
    experts,
  );
}

/** The figures of the accounts of all ranks. */
export function figuresOfAll(ranks: Ranks, { seen, places, weights }: OwnAccounts): AccountFigures {
  const { mostPlaces, ...counts } = accountFigures(seen, places, weights);
  const names = Object.keys(counts) as (keyof typeof counts)[];
  const sums = totals(ranks, ...names.map((name) => counts[name]));
  const most = Math.max(...gathered(ranks, Float64Array, Float64Array.of(mostPlaces)));
  for (const [i, name] of names.entries()) counts[name] = sums[i];
  return { ...counts, mostPlaces: most };
}

import { AccountPlaces, type PlaceColumns } from '../history/accountPlaces.ts';
import { AccountWeights } from '../history/accountWeights.ts';
import { gatheredAtFirst } from '../history/rankColumns.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { SeenEntities } from './seenEntities.ts';

/** What there is of each account. */
export interface Accounts {
  seen: SeenEntities;
  places: AccountPlaces;
  weights: AccountWeights;
}

/**
 * The accounts of all ranks, in the order of their hashes, as one process has them.
 * @returns undefined on all ranks but the first
 */
export function gatherAccounts(
  ranks: Ranks,
  seen: SeenEntities,
  places: AccountPlaces,
  weights: AccountWeights,
): Accounts | undefined {
  if (ranks.size === 1) return { seen, places, weights };
  const hashes = gatheredAtFirst(ranks, Uint32Array, seen.hashes);
  const owners = gatheredAtFirst(ranks, Uint32Array, weights.entities);
  const codes = gatheredAtFirst(ranks, Uint8Array, weights.codes);
  const counts = gatheredAtFirst(ranks, Uint32Array, Uint32Array.of(seen.count, weights.entities.length));
  const columns = [places.ipv4, places.ipv6].map((family) => gatherPlaces(ranks, family));
  if (ranks.rank !== 0) return undefined;
  const unsorted = new SeenEntities(hashes);
  const order = unsorted.sortedOrder();
  const numberOf = new Uint32Array(order.length);
  for (const [number, at] of order.entries()) numberOf[at] = number;
  const sorted = new Uint32Array(hashes.length);
  for (const [number, at] of order.entries()) sorted.set(unsorted.hashOf(at), number * 2);
  return {
    seen: new SeenEntities(sorted),
    places: new AccountPlaces(columns[0], columns[1]).compacted(order),
    weights: renumbered(owners, codes, counts, numberOf),
  };
}

/** Weights of the accounts of all ranks, whose numbers begin anew with each rank. */
function renumbered(
  owners: Uint32Array,
  codes: Uint8Array,
  counts: Uint32Array,
  numberOf: Uint32Array,
): AccountWeights {
  const X = owners.length === 0 ? 0 : codes.length / owners.length;
  const entities = new Uint32Array(owners.length);
  for (let rank = 0, account = 0, row = 0; rank < counts.length / 2; rank++) {
    const end = row + counts[rank * 2 + 1];
    for (; row < end; row++) entities[row] = numberOf[account + owners[row]];
    account += counts[rank * 2];
  }
  const order = Uint32Array.from(entities, (_, row) => row).sort((a, b) => entities[a] - entities[b]);
  const sorted = new Uint8Array(codes.length);
  for (const [to, row] of order.entries()) sorted.set(codes.subarray(row * X, (row + 1) * X), to * X);
  return new AccountWeights(
    order.map((row) => entities[row]),
    sorted,
    X,
  );
}

/** Columns of the accounts of all ranks, one rank after the other. */
function gatherPlaces(ranks: Ranks, { ipv4, starts, high, low, events, day }: PlaceColumns): PlaceColumns {
  const lengths = Uint32Array.from({ length: starts.length - 1 }, (_, e) => starts[e + 1] - starts[e]);
  const all = gatheredAtFirst(ranks, Uint32Array, lengths);
  const words = (column: Uint32Array | Uint16Array) =>
    gatheredAtFirst(ranks, Uint32Array, Uint32Array.from(column));
  const gathered = {
    ipv4,
    starts: new Uint32Array(all.length + 1),
    high: words(high),
    low: words(low),
    events: Uint16Array.from(words(events)),
    day: Uint16Array.from(words(day)),
  };
  for (let e = 0; e < all.length; e++) gathered.starts[e + 1] = gathered.starts[e] + all[e];
  return gathered;
}

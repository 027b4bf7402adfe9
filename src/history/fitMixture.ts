import { firstOfPairs } from '../events/distinctPairs.ts';
import type { Events } from '../events/events.ts';
import { lookupOrder } from '../events/lookupOrder.ts';
import { type AccountShards, ONE_SHARD, type ShardRows } from './accountShards.ts';
import { AccountWeights } from './accountWeights.ts';
import {
  fitWeights,
  fitWeightsOfAll,
  type Likelihoods,
  rowsByAccount,
  uniformWeights,
} from './expectation.ts';
import type { History } from './history.ts';
import { BUCKETS, bucketOf, densities, expertCount, experts, type MixtureWeights } from './mixture.ts';

/** Later events that no count has seen, of accounts of this rank. N events. */
export interface LaterEvents {
  events: Events;
  /** number of each event's entity in the history */
  entity: Int32Array; // (N)
}

/**
 * How many pseudo-events of its bucket an account's own later events are shrunk by. Of 5, 10 and 20 the smallest was
 * best on tor-relays (against swap .9299, .928, .926 for the ladder alone) and made no difference on the tutorial's data.
 */
const ACCOUNT_PSEUDO_EVENTS = 5;
/**
 * Of an account's new places at most so many are looked at, evenly spread, as more of one would take time
 * and change nothing. With 60 accounts of thousands of events are known too badly: on the tutorial's data the rate at TPR
 * .999 rises from 3.72 to 3.80 %, and p-values of 1 % flag .71 %.
 */
const MAX_PLACES_OF_ACCOUNT = 1000;
/** The same for a bucket, by the weights of all. */
const BUCKET_PSEUDO_ACCOUNTS = 2;
/** A bucket of fewer events has the weights of all. */
const LEAST_BUCKET_EVENTS = 20;

/** What was fitted, and what is needed to judge the same events by weights that have not seen them. */
export interface FittedMixture {
  weights: MixtureWeights;
  /** without weights of accounts, which no later event has decided */
  weightsOfBuckets: MixtureWeights;
  /** with weights of accounts from each half of their later events, to be judged on the other half */
  halves: [MixtureWeights, MixtureWeights];
  /** of events from places new to their account the first of each place, but for those of accounts with very many; by address */
  fresh: Uint32Array;
  /** which half each event belongs to, with all others of its account and place; 2: none */
  half: Uint8Array; // (N)
  /** later events of accounts with a history, and those of them from places new to the account; of all ranks */
  fittedOn: { events: number; newPlaces: number };
}

/**
 * Fits the mixture of a history on later events: λ on places that their account had not used, each once, as repeats are
 * easy and would decide everything else; every account weighs the same, so that a few busy ones do not speak for all.
 * Weights of buckets are those of the accounts of all ranks, weights of accounts those of this rank's.
 */
export function fitMixture(
  history: History,
  later: LaterEvents,
  shards: AccountShards = ONE_SHARD,
): FittedMixture {
  const { events, entity } = later;
  const everybody = history.population;
  const X = expertCount(history.rungs);
  const view = history.view();
  const seenPerAccount = new Uint32Array(history.places.entityCount);
  const newPerAccount = new Uint32Array(history.places.entityCount);
  const firstOf = firstOfPairs(events);
  // Of events from new places the first of each.
  const firsts: number[] = [];
  const order = lookupOrder(events);
  for (const i of order) {
    shards.ranks.progressed();
    if (history.placesOf(entity[i]) === 0) continue;
    seenPerAccount[entity[i]]++;
    if (history.hasPlace(entity[i], events.addresses, i)) continue;
    newPerAccount[entity[i]]++;
    if (firstOf[i] === i) firsts.push(i);
  }
  const firstsOf = rowsByAccount(Uint32Array.from(firsts).sort(), entity);
  const chosen = [...firstsOf.values()].flatMap((mine) => spread(mine, MAX_PLACES_OF_ACCOUNT));
  const { rows: isNew, starts } = shards.inShards(Uint32Array.from(chosen).sort(), entity);
  const M = isNew.length;
  // One more than the row of each chosen event.
  const rowOf = new Uint32Array(events.count);
  for (let r = 0; r < M; r++) rowOf[isNew[r]] = r + 1;
  const fresh = order.filter((i) => rowOf[i] > 0);
  const weight = new Float64Array(M);
  const density = new Float64Array(M * (X - 1));
  for (const i of fresh) {
    const row = rowOf[i] - 1;
    weight[row] = 1 / Math.min(MAX_PLACES_OF_ACCOUNT, firstsOf.get(entity[i])!.length);
    shards.ranks.progressed();
    history.look(entity[i], events.addresses, i, view);
    densities(view, everybody, density.subarray(row * (X - 1), (row + 1) * (X - 1)));
  }

  const allRows: ShardRows = { rows: isNew.map((_, row) => row), starts };
  const background = fitWeightsOfAll(
    { count: M, experts: X - 1, ratios: density },
    allRows,
    weight,
    uniformWeights(X - 1),
    uniformWeights(X - 1),
    shards,
  );
  const likelihoods: Likelihoods = { count: M, experts: X, ratios: new Float64Array(M * X) };
  for (const i of fresh) {
    const row = rowOf[i] - 1;
    shards.ranks.progressed();
    history.look(entity[i], events.addresses, i, view);
    experts(view, everybody, background, likelihoods.ratios.subarray(row * X, (row + 1) * X));
  }
  const all = fitWeightsOfAll(likelihoods, allRows, weight, uniformWeights(X), uniformWeights(X), shards);
  const account = Uint32Array.from(isNew, (i) => entity[i]);
  const bucket = Uint8Array.from(account, (e) => bucketOf(history.placesOf(e)));
  const buckets = fitBuckets(likelihoods, allRows.rows, account, bucket, weight, all, shards);

  // Every other event of an account, in the order of the events.
  const half = new Uint8Array(events.count).fill(2);
  const turn = new Map<number, number>();
  for (const i of isNew) {
    half[i] = turn.get(entity[i]) ?? 0;
    turn.set(entity[i], 1 - half[i]);
  }
  // Who moves signs in from the new place again and again: by those events the other half would know it.
  for (let i = 0; i < events.count; i++) half[i] = half[firstOf[i]];
  const weightsOfBuckets: MixtureWeights = {
    background,
    repeatShare: repeatShareOf(seenPerAccount, newPerAccount, shards),
    buckets,
    accounts: AccountWeights.of(new Map(), X),
  };
  const withAccounts = (rows: Uint32Array): MixtureWeights => ({
    ...weightsOfBuckets,
    accounts: fitAccountWeights(likelihoods, rows, account, bucket, buckets, shards),
  });
  const halves = [0, 1].map((one) => withAccounts(allRows.rows.filter((row) => half[isNew[row]] === one)));
  const [seenEvents, newEvents] = shards.counted(sumOf(seenPerAccount), sumOf(newPerAccount));
  return {
    weights: withAccounts(allRows.rows),
    weightsOfBuckets,
    halves: [halves[0], halves[1]],
    fresh,
    half,
    fittedOn: { events: seenEvents, newPlaces: newEvents },
  };
}

const sumOf = (counts: Uint32Array) => counts.reduce((sum, n) => sum + n, 0);

/** At most so many of a list, evenly spread over it. */
function spread<T>(list: T[], most: number): T[] {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]);
}

/**
 * λ of each bucket, shrunk towards that of all.
 * @param account of each row
 * @param bucket  of each row's account
 */
function fitBuckets(
  likelihoods: Likelihoods,
  allRows: Uint32Array,
  account: Uint32Array,
  bucket: Uint8Array,
  weight: Float64Array,
  all: Float64Array,
  shards: AccountShards,
): Float64Array[] {
  const prior = all.map((lambda) => lambda * BUCKET_PSEUDO_ACCOUNTS);
  const rowsOf = BUCKETS.map((_, b) => allRows.filter((row) => bucket[row] === b));
  const counts = shards.counted(...rowsOf.map(({ length }) => length));
  return rowsOf.map((rows, b) =>
    counts[b] < LEAST_BUCKET_EVENTS
      ? all.slice()
      : fitWeightsOfAll(likelihoods, shards.inShards(rows, account), weight, all, prior, shards),
  );
}

/** λ of each account that has events among the rows, shrunk towards that of its bucket. */
function fitAccountWeights(
  likelihoods: Likelihoods,
  rows: Uint32Array,
  account: Uint32Array,
  bucket: Uint8Array,
  buckets: Float64Array[],
  { ranks }: AccountShards,
): AccountWeights {
  const ones = new Float64Array(likelihoods.count).fill(1);
  const accounts = new Map<number, Float64Array>();
  for (const [e, mine] of rowsByAccount(rows, account)) {
    ranks.progressed();
    const base = buckets[bucket[mine[0]]];
    const prior = base.map((lambda) => lambda * ACCOUNT_PSEUDO_EVENTS);
    accounts.set(e, fitWeights(likelihoods, mine, ones, base, prior));
  }
  return AccountWeights.of(accounts, likelihoods.experts);
}

/** ρ: the mean over accounts of their share of repeats, kept away from 0 and 1, where one event would be impossible. */
function repeatShareOf(seen: Uint32Array, fresh: Uint32Array, shards: AccountShards): number {
  const own = seen.map((_, e) => e).filter((e) => seen[e] > 0);
  const [count] = shards.counted(own.length);
  if (count === 0) return 0.5;
  const { rows, starts } = shards.inShards(own);
  const [sum] = shards.sum(1, (shard, into) => {
    for (let r = starts[shard]; r < starts[shard + 1]; r++) into[0] += 1 - fresh[rows[r]] / seen[rows[r]];
  });
  return Math.min(0.99, Math.max(0.01, sum / count));
}

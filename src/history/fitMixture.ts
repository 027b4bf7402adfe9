import { firstOfPairs } from '../events/distinctPairs.ts';
import type { Events } from '../events/events.ts';
import { lookupOrder } from '../events/lookupOrder.ts';
import { AccountWeights } from './accountWeights.ts';
import { fitWeights, type Likelihoods, rowsByAccount, uniformWeights } from './expectation.ts';
import type { History } from './history.ts';
import { BUCKETS, bucketOf, densities, expertCount, experts, type MixtureWeights } from './mixture.ts';

/** Later events that no count has seen. N events. */
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
  /** later events of accounts with a history, and those of them from places new to the account */
  fittedOn: { events: number; newPlaces: number };
}

/**
 * Fits the mixture of a history on later events: λ on places that their account had not used, each once, as repeats are
 * easy and would decide everything else; every account weighs the same, so that a few busy ones do not speak for all.
 */
export function fitMixture(history: History, later: LaterEvents): FittedMixture {
  const { events, entity } = later;
  const everybody = history.population;
  const X = expertCount(history.rungs);
  const view = history.view();
  const bucket = new Uint8Array(events.count).fill(BUCKETS.length);
  const seenPerAccount = new Map<number, number>();
  const newPerAccount = new Map<number, number>();
  const firstOf = firstOfPairs(events);
  // Of events from new places the first of each.
  const firsts: number[] = [];
  const order = lookupOrder(events);
  for (const i of order) {
    const places = history.placesOf(entity[i]);
    if (places === 0) continue;
    bucket[i] = bucketOf(places);
    seenPerAccount.set(entity[i], (seenPerAccount.get(entity[i]) ?? 0) + 1);
    if (history.hasPlace(entity[i], events.addresses, i)) continue;
    newPerAccount.set(entity[i], (newPerAccount.get(entity[i]) ?? 0) + 1);
    if (firstOf[i] === i) firsts.push(i);
  }
  const firstsOf = rowsByAccount(Uint32Array.from(firsts).sort(), entity);
  const isNew = [...firstsOf.values()]
    .flatMap((mine) => spread(mine, MAX_PLACES_OF_ACCOUNT))
    .sort((a, b) => a - b);
  const isChosen = new Uint8Array(events.count);
  for (const i of isNew) isChosen[i] = 1;
  const fresh = order.filter((i) => isChosen[i] === 1);
  const weight = new Float64Array(events.count);
  const density = new Float64Array(events.count * (X - 1));
  for (const i of fresh) {
    weight[i] = 1 / Math.min(MAX_PLACES_OF_ACCOUNT, firstsOf.get(entity[i])!.length);
    history.look(entity[i], events.addresses, i, view);
    densities(view, everybody, density.subarray(i * (X - 1), (i + 1) * (X - 1)));
  }

  const background = fitWeights(
    { count: events.count, experts: X - 1, ratios: density },
    isNew,
    weight,
    uniformWeights(X - 1),
    uniformWeights(X - 1),
  );
  const likelihoods: Likelihoods = {
    count: events.count,
    experts: X,
    ratios: new Float64Array(events.count * X),
  };
  for (const i of fresh) {
    history.look(entity[i], events.addresses, i, view);
    experts(view, everybody, background, likelihoods.ratios.subarray(i * X, (i + 1) * X));
  }
  const all = fitWeights(likelihoods, isNew, weight, uniformWeights(X), uniformWeights(X));
  const prior = all.map((lambda) => lambda * BUCKET_PSEUDO_ACCOUNTS);
  const buckets = BUCKETS.map((_, b) => {
    const rows = isNew.filter((i) => bucket[i] === b);
    return rows.length < LEAST_BUCKET_EVENTS
      ? all.slice()
      : fitWeights(likelihoods, rows, weight, all, prior);
  });
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
    repeatShare: repeatShareOf(seenPerAccount, newPerAccount),
    buckets,
    accounts: AccountWeights.of(new Map(), X),
  };
  const withAccounts = (rows: number[]): MixtureWeights => ({
    ...weightsOfBuckets,
    accounts: fitAccountWeights(likelihoods, rows, entity, bucket, buckets),
  });
  return {
    weights: withAccounts(isNew),
    weightsOfBuckets,
    halves: [
      withAccounts(isNew.filter((i) => half[i] === 0)),
      withAccounts(isNew.filter((i) => half[i] === 1)),
    ],
    fresh,
    half,
    fittedOn: { events: sumOf(seenPerAccount), newPlaces: sumOf(newPerAccount) },
  };
}

const sumOf = (counts: Map<number, number>) => [...counts.values()].reduce((sum, n) => sum + n, 0);

/** At most so many of a list, evenly spread over it. */
function spread<T>(list: T[], most: number): T[] {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]);
}

/** λ of each account that has events among the rows, shrunk towards that of its bucket. */
function fitAccountWeights(
  likelihoods: Likelihoods,
  rows: number[],
  entity: Int32Array,
  bucket: Uint8Array,
  buckets: Float64Array[],
): AccountWeights {
  const ones = new Float64Array(likelihoods.count).fill(1);
  const accounts = new Map<number, Float64Array>();
  for (const [e, mine] of rowsByAccount(rows, entity)) {
    const base = buckets[bucket[mine[0]]];
    const prior = base.map((lambda) => lambda * ACCOUNT_PSEUDO_EVENTS);
    accounts.set(e, fitWeights(likelihoods, mine, ones, base, prior));
  }
  return AccountWeights.of(accounts, likelihoods.experts);
}

/** ρ: the mean over accounts of their share of repeats, kept away from 0 and 1, where one event would be impossible. */
function repeatShareOf(seen: Map<number, number>, fresh: Map<number, number>): number {
  if (seen.size === 0) return 0.5;
  let sum = 0;
  for (const [e, events] of seen) sum += 1 - (fresh.get(e) ?? 0) / events;
  return Math.min(0.99, Math.max(0.01, sum / seen.size));
}

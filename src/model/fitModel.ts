import type { GroupTable } from '../addresses/groupTable.ts';
import type { Events } from '../events/events.ts';
import { lookupOrder } from '../events/lookupOrder.ts';
import { AccountPlaces, dayOf } from '../history/accountPlaces.ts';
import { type AccountShards, ONE_SHARD } from '../history/accountShards.ts';
import { Decay } from '../history/decay.ts';
import { type FittedMixture, fitMixture } from '../history/fitMixture.ts';
import { History } from '../history/history.ts';
import { ATTACKERS_AMONG_OTHERS, type MixtureWeights } from '../history/mixture.ts';
import { PLACE_RUNG } from '../history/rungs.ts';
import { fitStacking, type StackedEvents, type Stacking } from '../history/stacking.ts';
import { Calibration } from './calibration.ts';
import { drawFitAttacks } from './fitAttacks.ts';
import type { HoldOut } from './holdOut.ts';
import { MixtureScorer } from './mixtureScorer.ts';
import type { Quantization } from './modelCard.ts';
import { quantizationLoss } from './quantizationLoss.ts';
import type { SeenEntities } from './seenEntities.ts';

export interface HistoryOptions {
  /** provider tables, a rung each */
  tables: GroupTable[];
  /** half-life of a place that is not used any more; undefined: nothing fades */
  halfLifeDays: number | undefined;
}

/** What the later events decide: the same on all ranks, but for the weights of accounts, which are those of this rank. */
export interface FittedModel {
  weights: MixtureWeights;
  stacking: Stacking;
  calibration: Calibration;
  fittedOn: FittedMixture['fittedOn'];
  /** null: the vectors stayed floats */
  quantization: Quantization | null;
}

/** Vectors learned from the early events. */
export interface EarlyVectors {
  /** for events of the same dictionary; all ranks call it */
  dotProducts(events: Events): Float32Array;
  /** from here on in 8 bits; without, they stay floats */
  quantize: (() => void) | undefined;
}

/** The history of all events, entities numbered as in `seen`. @param shards those of `seen` */
export function historyOf(
  events: Events,
  seen: SeenEntities,
  options: HistoryOptions,
  shards: AccountShards = ONE_SHARD,
): History {
  const numbers = seen.numbersOf(events.entities);
  const places = AccountPlaces.of(events, seen.count, new Uint32Array(numbers.buffer));
  return new History(places, options.tables, decayOf(events, options, shards), undefined, shards);
}

/** Places fade up to the day of the last event of all ranks. */
export function decayOf({ time }: Events, { halfLifeDays }: HistoryOptions, shards: AccountShards): Decay {
  let last = 0;
  for (let i = 0; i < time.length; i++) last = Math.max(last, dayOf(time[i]));
  return new Decay(halfLifeDays, shards.largest(last));
}

/** Attackers drawn to fit against, at most; more moved no coefficient by a hundredth. */
const MAX_ATTACKS = 100_000;

/**
 * Fits the mixture, how far to trust each part, and what honest anomalies look like, on events later than those that
 * history and vectors were learned from.
 * @param parts  of this rank
 * @param seen   numbers the entities of all events of this rank
 * @param shards those of `seen`, of `entityShards`
 */
export function fitModel(
  parts: HoldOut,
  seen: SeenEntities,
  shards: AccountShards,
  seed: number,
  options: HistoryOptions,
  vectors: EarlyVectors,
): FittedModel {
  const { early, later } = parts;
  const { ranks } = shards;
  const history = historyOf(early, seen, options, shards);
  const numbers = seen.numbersOf(early.entities);
  const numbersOf = ({ entity }: Events) => Int32Array.from(entity, (e) => numbers[e]);
  const entity = numbersOf(later);
  const fitted = fitMixture(history, { events: later, entity }, shards);
  const { weights } = fitted;
  const drawn = Math.min(MAX_ATTACKS, parts.counts.later);
  const attacks = drawFitAttacks(parts, drawn, ATTACKERS_AMONG_OTHERS, seed, ranks);
  const exact = vectors.quantize && [vectors.dotProducts(later), vectors.dotProducts(attacks)];
  vectors.quantize?.();
  const dots = vectors.dotProducts(later);
  // With the weights of buckets: those of accounts have seen these events.
  const unseen = new MixtureScorer(history, fitted.weightsOfBuckets, NEUTRAL);
  const honestRows = stacked(unseen, later, entity, dots, shards, fitted.fresh);
  const attackRows = stacked(unseen, attacks, numbersOf(attacks), vectors.dotProducts(attacks), shards);
  const stacking = fitStacking(honestRows, attackRows, shards);

  // Every event is judged by weights that have not seen it.
  const [first, second] = fitted.halves.map((half) => new MixtureScorer(history, half, stacking));
  const anomalies = new Float64Array(later.count);
  for (const i of lookupOrder(later)) {
    ranks.progressed();
    const scorer = fitted.half[i] === 1 ? first : second;
    // Who was not there before has no vector yet.
    const dot = history.placesOf(entity[i]) > 0 ? dots[i] : 0;
    anomalies[i] = scorer.anomaly(entity[i], dot, later.addresses, i);
  }
  return {
    weights,
    stacking,
    calibration: Calibration.of(
      anomalies,
      Uint32Array.from(entity, (e) => history.eventsOf(e)),
      ranks,
    ),
    fittedOn: fitted.fittedOn,
    quantization: exact
      ? quantizationLoss(withExact(honestRows, exact[0]), withExact(attackRows, exact[1]), stacking, ranks)
      : null,
  };
}

const withExact = (some: StackedRows, dots: Float32Array) => ({
  ...some,
  exactDotProduct: Float32Array.from(some.rows, (i) => dots[i]),
});

/** ln L itself. */
const NEUTRAL: Stacking = { intercept: 0, history: 1, neural: 0 };

interface StackedRows extends StackedEvents {
  /** positions of the events */
  rows: Uint32Array; // (N)
}

/**
 * The events of places new to accounts with a history, by shard; every account weighs the same.
 * @param chosen positions, in an order in which they are looked up fast; default: all
 */
function stacked(
  scorer: MixtureScorer,
  events: Events,
  entity: Int32Array,
  dots: Float32Array,
  shards: AccountShards,
  chosen: Iterable<number> = lookupOrder(events),
): StackedRows {
  const chosenRows: number[] = [];
  const perAccount = new Map<number, number>();
  const logRatios = new Float64Array(events.count);
  for (const i of chosen) {
    shards.ranks.progressed();
    logRatios[i] = scorer.logRatio(entity[i], events.addresses, i);
    if (scorer.view.places === 0 || scorer.view.own[PLACE_RUNG] > 0) continue;
    chosenRows.push(i);
    perAccount.set(entity[i], (perAccount.get(entity[i]) ?? 0) + 1);
  }
  const { rows, starts } = shards.inShards(Uint32Array.from(chosenRows).sort(), entity);
  const [accounts] = shards.counted(perAccount.size);
  return {
    rows,
    starts,
    accounts,
    logRatio: Float64Array.from(rows, (i) => logRatios[i]),
    dotProduct: Float32Array.from(rows, (i) => dots[i]),
    weight: Float64Array.from(rows, (i) => 1 / perAccount.get(entity[i])! / accounts),
  };
}

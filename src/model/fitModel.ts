import type { GroupTable } from '../addresses/groupTable.ts';
import type { Events } from '../events/events.ts';
import { lookupOrder } from '../events/lookupOrder.ts';
import { AccountPlaces, dayOf } from '../history/accountPlaces.ts';
import { Decay } from '../history/decay.ts';
import { type FittedMixture, fitMixture } from '../history/fitMixture.ts';
import { History } from '../history/history.ts';
import { ATTACKERS_AMONG_OTHERS, type MixtureWeights } from '../history/mixture.ts';
import { PLACE_RUNG } from '../history/rungs.ts';
import { fitStacking, type StackedEvents, type Stacking } from '../history/stacking.ts';
import { areaUnderCurve, rankScores } from '../ranking/roc.ts';
import { Calibration } from './calibration.ts';
import { drawFitAttacks, type HoldOut } from './holdOut.ts';
import { MixtureScorer } from './mixtureScorer.ts';
import type { Quantization } from './modelCard.ts';
import type { SeenEntities } from './seenEntities.ts';

export interface HistoryOptions {
  /** provider tables, a rung each */
  tables: GroupTable[];
  /** half-life of a place that is not used any more; undefined: nothing fades */
  halfLifeDays: number | undefined;
}

/** What the later events decide. */
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
  /** for events of the same dictionary */
  dotProducts(events: Events): Float32Array;
  /** from here on in 8 bits; without, they stay floats */
  quantize: (() => void) | undefined;
}

/** The history of all events, entities numbered as in `seen`. */
export function historyOf(events: Events, seen: SeenEntities, options: HistoryOptions): History {
  const numbers = seen.numbersOf(events.entities);
  const places = AccountPlaces.of(events, seen.count, new Uint32Array(numbers.buffer));
  return new History(places, options.tables, decayOf(events, options));
}

/** Places fade up to the day of the last event. */
function decayOf({ time }: Events, { halfLifeDays }: HistoryOptions): Decay {
  let last = 0;
  for (let i = 0; i < time.length; i++) last = Math.max(last, dayOf(time[i]));
  return new Decay(halfLifeDays, last);
}

/** Attackers drawn to fit against, at most; more moved no coefficient by a hundredth. */
const MAX_ATTACKS = 100_000;

/**
 * Fits the mixture, how far to trust each part, and what honest anomalies look like, on events later than those that
 * history and vectors were learned from.
 * @param seen numbers the entities of all events
 */
export function fitModel(
  parts: HoldOut,
  seen: SeenEntities,
  seed: number,
  options: HistoryOptions,
  vectors: EarlyVectors,
): FittedModel {
  const { early, later } = parts;
  const history = historyOf(early, seen, options);
  const numbers = seen.numbersOf(early.entities);
  const numbersOf = ({ entity }: Events) => Int32Array.from(entity, (e) => numbers[e]);
  const entity = numbersOf(later);
  const fitted = fitMixture(history, { events: later, entity });
  const { weights } = fitted;
  const attacks = drawFitAttacks(parts, Math.min(MAX_ATTACKS, later.count), ATTACKERS_AMONG_OTHERS, seed);
  const exact = vectors.quantize && [vectors.dotProducts(later), vectors.dotProducts(attacks)];
  vectors.quantize?.();
  const dots = vectors.dotProducts(later);
  // With the weights of buckets: those of accounts have seen these events.
  const unseen = new MixtureScorer(history, fitted.weightsOfBuckets, NEUTRAL);
  const honestRows = stacked(unseen, later, entity, dots, fitted.fresh);
  const attackRows = stacked(unseen, attacks, numbersOf(attacks), vectors.dotProducts(attacks));
  const stacking = fitStacking(honestRows, attackRows);

  // Every event is judged by weights that have not seen it.
  const [first, second] = fitted.halves.map((half) => new MixtureScorer(history, half, stacking));
  const anomalies = new Float64Array(later.count);
  for (const i of lookupOrder(later)) {
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
    ),
    fittedOn: fitted.fittedOn,
    quantization: exact ? quantizationLoss([honestRows, attackRows], exact, stacking) : null,
  };
}

/** What it changes that dot products are those of vectors in 8 bits. @param exact those of floats, of all events */
function quantizationLoss(
  [honest, attacks]: StackedRows[],
  [exactHonest, exactAttacks]: Float32Array[],
  { history, neural }: Stacking,
): Quantization {
  if (honest.rows.length === 0 || attacks.rows.length === 0) {
    return { bits: 8, auc: null, aucOfFloats: null, meanDifference: null, largestDifference: null };
  }
  const anomalies = ({ logRatio }: StackedEvents, dots: Float32Array) =>
    logRatio.map((ratio, i) => -(history * ratio + neural * dots[i]));
  const exactly = (some: StackedRows, dots: Float32Array) =>
    anomalies(
      some,
      Float32Array.from(some.rows, (i) => dots[i]),
    );
  const inBytes = anomalies(honest, honest.dotProduct);
  const inFloats = exactly(honest, exactHonest);
  const differences = inBytes.map((anomaly, i) => Math.abs(anomaly - inFloats[i]));
  return {
    bits: 8,
    auc: areaUnderCurve(rankScores(inBytes, anomalies(attacks, attacks.dotProduct))),
    aucOfFloats: areaUnderCurve(rankScores(inFloats, exactly(attacks, exactAttacks))),
    meanDifference: differences.reduce((sum, one) => sum + one, 0) / differences.length,
    largestDifference: differences.reduce((largest, one) => Math.max(largest, one), 0),
  };
}

/** ln L itself. */
const NEUTRAL: Stacking = { intercept: 0, history: 1, neural: 0 };

interface StackedRows extends StackedEvents {
  /** positions of the events */
  rows: Uint32Array; // (N)
}

/**
 * The events of places new to accounts with a history; every account weighs the same.
 * @param chosen positions; default: all
 */
function stacked(
  scorer: MixtureScorer,
  events: Events,
  entity: Int32Array,
  dots: Float32Array,
  chosen: Iterable<number> = lookupOrder(events),
): StackedRows {
  const rows: number[] = [];
  const perAccount = new Map<number, number>();
  const logRatios: number[] = [];
  for (const i of chosen) {
    const logRatio = scorer.logRatio(entity[i], events.addresses, i);
    if (scorer.view.places === 0 || scorer.view.own[PLACE_RUNG] > 0) continue;
    rows.push(i);
    logRatios.push(logRatio);
    perAccount.set(entity[i], (perAccount.get(entity[i]) ?? 0) + 1);
  }
  return {
    rows: Uint32Array.from(rows),
    accounts: perAccount.size,
    logRatio: Float64Array.from(logRatios),
    dotProduct: Float32Array.from(rows, (i) => dots[i]),
    weight: Float64Array.from(rows, (i) => 1 / perAccount.get(entity[i])! / perAccount.size),
  };
}

import type { Events } from '../events/events.ts';
import {
  areaUnderCurve,
  pointAtFalsePositiveRate,
  pointAtTruePositiveRate,
  type RankedScores,
  rankScores,
  rocCurve,
} from '../ranking/roc.ts';
import type { Detector, DetectorId } from './detectors.ts';
import { type DetectorQuality, FALSE_POSITIVE_RATES, TRUE_POSITIVE_RATES } from './evaluation.ts';

/** Enough for a smooth curve of 900 pixels. */
const ROC_POINTS = 200;

/** All figures of one detector against one attack. */
export function detectorQuality(detector: DetectorId, scores: RankedScores): DetectorQuality {
  return {
    detector,
    areaUnderCurve: areaUnderCurve(scores),
    atFalsePositiveRate: FALSE_POSITIVE_RATES.map((limit) => ({
      limit,
      ...pointAtFalsePositiveRate(scores, limit),
    })),
    atTruePositiveRate: TRUE_POSITIVE_RATES.map((limit) => ({
      limit,
      ...pointAtTruePositiveRate(scores, limit),
    })),
    roc: rocCurve(scores, ROC_POINTS),
  };
}

/** Scores sets of events by several detectors, each set once. */
export class Judge {
  readonly detectors: Detector[];
  readonly #scores = new WeakMap<Events, Map<string, Float64Array>>();

  constructor(detectors: Detector[]) {
    this.detectors = detectors;
  }

  /** @returns f64[N]: in the order of the events */
  anomalies(detector: Detector, events: Events, attack: string): Float64Array {
    const scores = this.#scores.get(events) ?? new Map<string, Float64Array>();
    this.#scores.set(events, scores);
    const key = detector.dependsOnAttack ? `${detector.id} ${attack}` : detector.id;
    const anomalies = scores.get(key) ?? detector.anomalies(events, attack);
    scores.set(key, anomalies);
    return anomalies;
  }

  /**
   * Every detector that can judge the attack, in order.
   * @param positions of the events to look at, where honest event and attack k belong together; default: all
   */
  compare(honest: Events, attacks: Events, attack: string, positions?: Uint32Array): DetectorQuality[] {
    return this.detectors
      .filter((detector) => detector.judges(attack))
      .map((detector) =>
        detectorQuality(detector.id, this.ranked(detector, honest, attacks, attack, positions)),
      );
  }

  ranked(
    detector: Detector,
    honest: Events,
    attacks: Events,
    attack: string,
    positions?: Uint32Array,
  ): RankedScores {
    const scores = (events: Events) => {
      const all = this.anomalies(detector, events, attack);
      return positions ? Float64Array.from(positions, (i) => all[i]) : all;
    };
    return rankScores(scores(honest), scores(attacks));
  }
}

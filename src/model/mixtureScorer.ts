import type { AddressWords } from '../addresses/address.ts';
import type { History, LadderView } from '../history/history.ts';
import { expertCount, experts, logRatio, type MixtureWeights, weightsOf } from '../history/mixture.ts';
import type { Stacking } from '../history/stacking.ts';

/** The default score: history and vectors together. Scores one event at a time; what it saw last can be asked for. */
export class MixtureScorer {
  readonly history: History;
  readonly weights: MixtureWeights;
  readonly stacking: Stacking;
  /** of the last event */
  readonly view: LadderView;
  /** r of each expert */
  readonly ratios: Float64Array; // (X)
  /** r of the place itself, 0 where it is new to the account */
  placeRatio = 0;
  /** λ of the account */
  lambda: Float64Array; // (X)
  readonly #scratch: Float64Array;

  constructor(history: History, weights: MixtureWeights, stacking: Stacking) {
    this.history = history;
    this.weights = weights;
    this.stacking = stacking;
    this.view = history.view();
    this.ratios = new Float64Array(expertCount(history.rungs));
    this.#scratch = new Float64Array(this.ratios.length);
    this.lambda = this.#scratch;
  }

  /** ln L of the history alone; low = strange. @param entity −1 for a stranger */
  logRatio(entity: number, words: AddressWords, index: number): number {
    const { view, weights, ratios } = this;
    this.history.look(entity, words, index, view);
    this.placeRatio = experts(view, this.history.population, weights.background, ratios);
    this.lambda = weightsOf(weights, entity, view.places, this.#scratch);
    return logRatio(weights, view.places, this.lambda, ratios, this.placeRatio);
  }

  /**
   * In nats; high = strange, 0 = as likely of an attacker.
   * @param dotProduct 0 for an entity without a vector of its own: its row is somebody else's or nobody's
   */
  anomaly(entity: number, dotProduct: number, words: AddressWords, index: number): number {
    const { intercept, history, neural } = this.stacking;
    return 0 - (intercept + history * this.logRatio(entity, words, index) + neural * dotProduct);
  }
}

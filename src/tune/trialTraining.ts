import { distinctPairs } from '../events/distinctPairs.ts';
import { type Events, selectEvents } from '../events/events.ts';
import { availableKernels } from '../kernels/available.ts';
import { PairRanking } from '../model/discriminator.ts';
import { freeMemoryBytes } from '../model/learner.ts';
import { SeenEntities } from '../model/seenEntities.ts';
import { completeHyperparameters, type Hyperparameters } from '../neural/hyperparameters.ts';
import { memoryOfTraining } from '../neural/memoryNeeds.ts';
import { PrefixTable } from '../neural/prefixes.ts';
import { runTraining } from '../neural/runTraining.ts';
import { type EpochProgress, Training } from '../neural/train.ts';
import { type JudgedEvents, judgedEvents } from './judgedEvents.ts';
import type { Objective } from './objectives.ts';

export interface GroundOptions {
  /** fixes the weights of every trial, and the attacks: trials differ in their settings only */
  seed: number;
  sampleSize: number;
  /** how messages call the validation events */
  validationName: string;
}

/** Rows and scores of an honest event and an attack on it, and their sorted copies. */
const BYTES_OF_JUDGED = 100;

/** Why a trial's training is ended: others are better. Not an error. */
const ENOUGH = new Error('enough');

export interface TrialHooks {
  /** about 20 times a second */
  onProgress?: (progress: EpochProgress) => void;
  /** the objective after each epoch. @returns whether to go on */
  onEpoch: (value: number) => boolean;
  /** ends the training with its reason */
  signal?: AbortSignal;
}

/** What all trials of a search share: the prepared events, their prefixes, what the objective is measured on. */
export class TrialGround {
  readonly objective: Objective;
  /** distinct (entity, place) pairs: what an epoch goes over */
  readonly pairs: Events;
  readonly prefixes: PrefixTable;
  readonly judged: JudgedEvents;
  /** entities of the training events */
  readonly entities: number;
  readonly #seed: number;

  /** @throws InputError where the objective cannot be measured on the validation events */
  constructor(train: Events, validation: Events, objective: Objective, options: GroundOptions) {
    const { seed, sampleSize, validationName } = options;
    this.objective = objective;
    this.#seed = seed;
    this.entities = SeenEntities.of(train).count;
    this.pairs = selectEvents(train, distinctPairs(train));
    this.prefixes = PrefixTable.build(this.pairs.addresses);
    this.judged = judgedEvents(objective, validation, train, this.prefixes, {
      seed,
      sampleSize,
      name: validationName,
    });
  }

  /** Defaults for what a setting leaves open. @throws UsageError where a value is out of range */
  complete(given: Partial<Hyperparameters>): Hyperparameters {
    return completeHyperparameters(given, this.entities);
  }

  /** Memory that a trial of these hyperparameters takes, at most. */
  bytesOfTrial(given: Partial<Hyperparameters>): number {
    const h = this.complete(given);
    return (
      memoryOfTraining(h, this.pairs.count, this.prefixes.rows.count, 1) +
      BYTES_OF_JUDGED * this.judged.honest.count
    );
  }

  /**
   * Trains the vectors of a setting and judges them after every epoch. The same as the last training of
   * `trainModel` with this seed, bit for bit.
   * @param threads any number gives the same values
   * @returns whether it was trained to its end
   * @throws UsageError, InputError where the setting is out of range, its loss is no number, or memory does not suffice
   */
  async train(given: Partial<Hyperparameters>, threads: number, hooks: TrialHooks): Promise<boolean> {
    const h = this.complete(given);
    const kernels = availableKernels();
    const training = new Training(
      this.pairs,
      h,
      this.#seed,
      kernels,
      threads,
      freeMemoryBytes(),
      this.prefixes,
    );
    const ranking = new PairRanking(training, this.judged.honest, this.judged.attacks);
    const stop = new AbortController();
    const onAbort = () => stop.abort(hooks.signal?.reason);
    hooks.signal?.addEventListener('abort', onAbort, { once: true });
    if (hooks.signal?.aborted) onAbort();
    try {
      await runTraining(
        training,
        { epoch: 0, batch: 0 },
        {
          signal: stop.signal,
          onProgress: hooks.onProgress,
          onEpoch: ({ epoch }) => {
            const goOn = hooks.onEpoch(this.objective.measure(ranking.rank()));
            if (!goOn && epoch + 1 < h.epochs) stop.abort(ENOUGH);
          },
        },
      );
      return true;
    } catch (error) {
      if (error !== ENOUGH) throw error;
      return false;
    } finally {
      hooks.signal?.removeEventListener('abort', onAbort);
    }
  }
}

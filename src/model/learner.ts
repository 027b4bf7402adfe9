import type { Events } from '../events/events.ts';
import type { AvailableKernels } from '../kernels/available.ts';
import type { Floats } from '../kernels/kernels.ts';
import type { KernelMemory } from '../kernels/webAssembly.ts';
import { quantized } from '../neural/byteVectors.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';
import type { Vectors, Weights } from '../neural/network.ts';
import type { PrefixTable } from '../neural/prefixes.ts';
import type { Range } from '../neural/ranks/rankPlan.ts';
import type { RankTraining } from '../neural/ranks/rankTraining.ts';
import { Training } from '../neural/train.ts';
import { Discriminator } from './discriminator.ts';
import { NeuralScorer } from './neuralScorer.ts';

/** What learning needs besides the events. */
export interface LearnSettings {
  h: Hyperparameters;
  seed: number;
  kernels: AvailableKernels;
  threads: number;
}

/** A training of the vectors: here, or this rank's part of one. */
export type VectorTraining = Training | RankTraining;

/** A training of the vectors, here or over all ranks; ranks call its methods together. */
export interface Learner<T extends VectorTraining = VectorTraining> {
  training: T;
  /** distinct pairs that an epoch goes over, of all ranks */
  pairs: number;
  prefixes: PrefixTable;
  plainReason: string;
  /** @returns what gives `discriminator_auc` of these events (of this rank) by what was learned so far */
  discriminate(validation: Events): () => number;
  /** Training cannot go on after this. */
  finish(): LearnedVectors;
}

/** Vectors that were learned. */
export interface LearnedVectors {
  pairs: number;
  prefixes: PrefixTable;
  /** as `NeuralScorer` gives them. @param events of this rank's entities */
  dotProducts(events: Events): Float32Array;
  /** Makes them vectors in 8 bits. */
  quantize(): void;
  /** @returns all tables, and where they lie; undefined on all ranks but the first. Nothing may be asked afterwards. */
  gather(): { weights: Weights; kernelMemory: KernelMemory | undefined } | undefined;
  /** Rows of the entity table that this rank has. */
  ownEntities(): { rows: Range; vectors: Vectors };
  /** @returns all of the address table; undefined on all ranks but the first. Nothing may be asked afterwards. */
  gatherNetworks(): Pick<Weights, 'networkVectors' | 'layers' | 'prefixes'> | undefined;
}

/** What the operating system would give, or the container allows; Infinity where nobody says. */
export function freeMemoryBytes(): number {
  return process.availableMemory?.() ?? Number.POSITIVE_INFINITY;
}

/** @param pairs distinct ones. @throws InputError where the tables do not fit into memory */
export function learnAlone(pairs: Events, { h, seed, kernels, threads }: LearnSettings): Learner<Training> {
  const training = new Training(pairs, h, seed, kernels, threads, freeMemoryBytes());
  const { prefixes, plainReason, kernelMemory } = training;
  return {
    training,
    pairs: pairs.count,
    prefixes,
    plainReason,
    discriminate(validation) {
      const discriminator = new Discriminator(training, validation);
      return () => discriminator.areaUnderCurve();
    },
    finish() {
      let weights: Weights = training.finish();
      const scorerOf = () => new NeuralScorer(weights, h.numEntityVectors, kernelMemory);
      let scorer = scorerOf();
      return {
        pairs: pairs.count,
        prefixes,
        dotProducts: (events) => scorer.dotProducts(events),
        quantize() {
          weights = quantized(weights as Weights<Floats>);
          scorer = scorerOf();
        },
        gather: () => ({ weights, kernelMemory }),
        ownEntities: () => ({ rows: { first: 0, end: h.numEntityVectors }, vectors: weights.entityVectors }),
        gatherNetworks: () => weights,
      };
    },
  };
}

/** Small trainings. Tests only; not part of the package. */
import { parseAddress } from '../addresses/address.ts';
import { type Events, EventsBuilder } from '../events/events.ts';
import { availableKernels } from '../kernels/available.ts';
import type { Rows } from '../kernels/kernels.ts';
import { RandomStream } from '../random/philox.ts';
import { completeHyperparameters, type Hyperparameters } from './hyperparameters.ts';
import { Training } from './train.ts';
import type { Tables } from './trainingState.ts';

/** Each kind of kernels by its name. */
export const KERNELS = [
  { name: 'plain', kernels: availableKernels('plain') },
  { name: 'WebAssembly', kernels: availableKernels() },
];

/** `count` events of 7 accounts, each at home in two networks; every third one IPv6. */
export function someEvents(count: number): Events {
  const builder = new EventsBuilder();
  const random = new RandomStream(5, 1);
  for (let i = 0; i < count; i++) {
    const account = random.below(7);
    const place = account * 2 + random.below(2);
    const host = random.below(200);
    const address = i % 3 === 0 ? `2001:db8:${place}::${host}` : `10.${place}.${random.below(2)}.${host}`;
    const name = new TextEncoder().encode(`user_${account}`);
    builder.add(name, 0, name.length, parseAddress(address)!, Number.NaN);
  }
  return builder.build();
}

export const complete = (given: Partial<Hyperparameters>) =>
  completeHyperparameters(
    { numEntityVectors: 5, vectorDim: 4, miniBatchSize: 16, epochs: 3, learningRate: 0.05, ...given },
    7,
  );

/** Trains to the end. @returns the loss of each epoch */
export function trainToEnd(training: Training): number[] {
  return Array.from({ length: training.state.hyperparameters.epochs }, (_, epoch) => {
    let loss = Number.NaN;
    for (const progress of training.runEpoch(epoch)) loss = progress.crossEntropyNats;
    return loss;
  });
}

export const trained = (...given: ConstructorParameters<typeof Training>): Training => {
  const training = new Training(...given);
  trainToEnd(training);
  return training;
};

export const rowsOf = ({ entities, prefixes, layers }: Tables): Rows[] => [entities, prefixes, ...layers];

/** All that was learned, as numbers of their own. */
export const copyOf = (tables: Tables) =>
  rowsOf(tables).map(({ vectors, moment, steps }) => ({
    vectors: vectors.slice(),
    moment: moment.slice(),
    steps: steps.slice(),
  }));

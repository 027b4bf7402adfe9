/** Small trainings over ranks. Tests only; not part of the package. */
import { type Events, selectEvents } from '../../events/events.ts';
import { availableKernels } from '../../kernels/available.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import { PrefixTable } from '../prefixes.ts';
import { Training } from '../train.ts';
import { trainingPairs } from '../trainingState.ts';
import { ownerOf } from './rankPlan.ts';
import { RankTraining } from './rankTraining.ts';

const SEED = 7;

/** Which of the events a rank has: those of its entities. */
export function ownNumbers(ranks: Ranks, events: Events, { numEntityVectors }: Hyperparameters): Uint32Array {
  const { entityRow } = trainingPairs(events, PrefixTable.build(events.addresses), numEntityVectors);
  return Uint32Array.from({ length: events.count }, (_, i) => i).filter(
    (i) => ownerOf(entityRow[i], numEntityVectors, ranks.size) === ranks.rank,
  );
}

/** A training of all events where no launcher started this process, else this rank's part of one. */
export function sampleTraining(
  ranks: Ranks,
  events: Events,
  h: Hyperparameters,
  wanted: 'auto' | 'plain',
  threads: number,
): Training | RankTraining {
  const kernels = availableKernels(wanted);
  if (!ranks.handle) return new Training(events, h, SEED, kernels, threads);
  const prefixes = PrefixTable.build(events.addresses);
  const numbers = ownNumbers(ranks, events, h);
  const data = trainingPairs(selectEvents(events, numbers), prefixes, h.numEntityVectors);
  const pairs = { data, numbers, total: events.count };
  return new RankTraining(ranks, pairs, prefixes, h, SEED, kernels, threads);
}

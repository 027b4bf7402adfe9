/**
 * A training with a checkpoint after every mini-batch and epoch, over ranks or without a launcher; one line for each, with its
 * SHA-256. Tests only; not part of the package.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { selectEvents } from '../events/events.ts';
import { runRanks } from '../mpi/runRanks.ts';
import type { Hyperparameters } from '../neural/hyperparameters.ts';
import { ownNumbers, sampleTraining } from '../neural/ranks/sampleRankTraining.ts';
import type { Place } from '../neural/runTraining.ts';
import { progressOf } from '../neural/train.ts';
import { complete, someEvents } from '../neural/trainingSamples.ts';
import { TOTALS } from '../neural/trainingState.ts';
import { Checkpoints } from './checkpointFile.ts';
import type { EpochRecord } from './modelCard.ts';
import { inMemory } from './source.ts';

export interface Orders {
  given: Partial<Hyperparameters>;
  /** keeps the checkpoint of a place in a file */
  keep?: { place: Place; file: string };
  /** goes on from that file; as if one rank did not see it, or saw another one; or as one that the first alone sees */
  from?: { file: string; unseenBy?: number; other?: { rank: number; file: string }; ofFirst?: boolean };
  /** validation events; those of the training have 400 */
  later?: number;
}

const { given, keep, from, later = 50 }: Orders = JSON.parse(process.argv[2]);
const EVENTS = 400;

await runRanks('drill', async (ranks) => {
  const h = complete({ miniBatchSize: 150, numEntityVectors: 40, ...given });
  const training = sampleTraining(ranks, someEvents(EVENTS), h, 'auto', 1);
  const validation = someEvents(later);
  const numbers = ownNumbers(ranks, validation, h);
  const checkpoints = new Checkpoints(
    training,
    selectEvents(validation, numbers),
    Float64Array.from(numbers),
  );
  const history: EpochRecord[] = [];

  const write = (place: Place) => {
    const pieces: Uint8Array[] = [];
    checkpoints.write(place, history, (bytes) => pieces.push(bytes.slice()));
    if (ranks.rank > 0) return;
    const file = Buffer.concat(pieces);
    console.log(JSON.stringify({ place, sha256: createHash('sha256').update(file).digest('hex') }));
    if (JSON.stringify(place) === JSON.stringify(keep?.place)) writeFileSync(keep!.file, file);
  };

  const seen = from?.other?.rank === ranks.rank ? from.other.file : from?.file;
  const source =
    seen !== undefined && from?.unseenBy !== ranks.rank && !(from?.ofFirst && ranks.rank > 0)
      ? inMemory(new Uint8Array(readFileSync(seen)))
      : undefined;
  const kept = checkpoints.restore(source, 'c', from?.ofFirst ? 'first' : 'shared');
  history.push(...(kept?.history ?? []));
  const start = kept?.place ?? { epoch: 0, batch: 0 };
  for (let { epoch, batch } = start; epoch < h.epochs; epoch++, batch = 0) {
    for (const _ of training.runEpoch(epoch, batch)) {
      write({ epoch, batch: training.state.totals[TOTALS.batches] });
      if (training.state.totals[TOTALS.batches] === Math.ceil(EVENTS / h.miniBatchSize)) {
        const { crossEntropyNats, accuracy } = progressOf(training.state, EVENTS, epoch);
        history.push({ epoch: epoch + 1, crossEntropyNats, accuracy, discriminatorAuc: null });
      }
    }
    training.state.totals.fill(0);
    write({ epoch: epoch + 1, batch: 0 });
  }
});

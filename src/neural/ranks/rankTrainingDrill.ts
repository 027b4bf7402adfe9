/** A training over ranks, compared with that of one process: started by mpirun. Tests only; not part of the package. */
import { createHash } from 'node:crypto';
import { type Events, selectEvents } from '../../events/events.ts';
import { availableKernels } from '../../kernels/available.ts';
import { openRanks } from '../../mpi/openRanks.ts';
import { PrefixTable } from '../prefixes.ts';
import { runTraining } from '../runTraining.ts';
import { Training } from '../train.ts';
import { complete, someEvents } from '../trainingSamples.ts';
import { trainingPairs } from '../trainingState.ts';
import { ownerOf, wholeRows } from './rankPlan.ts';
import { RankTraining } from './rankTraining.ts';

const { count, hyperparameters, kernels, alone: isAlone, threads = 1 } = JSON.parse(process.argv[2]);
const h = complete(hyperparameters);
const events: Events = someEvents(count);
const prefixes = PrefixTable.build(events.addresses);
const sha = (vectors: ArrayLike<number>) => {
  const { buffer, byteOffset, byteLength } = vectors as Float32Array;
  return createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex')
    .slice(0, 16);
};

if (isAlone) {
  const training = new Training(events, h, 7, availableKernels(kernels));
  const losses: number[] = [];
  for (let epoch = 0; epoch < h.epochs; epoch++)
    for (const progress of training.runEpoch(epoch))
      losses.push(progress.crossEntropyNats * progress.samples);
  const { entityVectors, networkVectors } = training.finish();
  console.log(
    JSON.stringify({ losses: losses.at(-1), entity: sha(entityVectors), network: sha(networkVectors) }),
  );
} else {
  const ranks = await openRanks();
  const all = trainingPairs(events, prefixes, h.numEntityVectors);
  const mine = Uint32Array.from({ length: count }, (_, i) => i).filter(
    (i) => ownerOf(all.entityRow[i], h.numEntityVectors, ranks.size) === ranks.rank,
  );
  const data = trainingPairs(selectEvents(events, mine), prefixes, h.numEntityVectors);
  const training = new RankTraining(
    ranks,
    { data, numbers: mine, total: count },
    prefixes,
    h,
    7,
    availableKernels(kernels),
    threads,
  );
  let loss = 0;
  await runTraining(
    training,
    { epoch: 0, batch: 0 },
    {
      onEpoch: ({ crossEntropyNats, samples }) => {
        loss = crossEntropyNats * samples;
      },
    },
  );
  const { entityVectors, networkVectors } = training.finish();
  const own = (v: Float32Array) => new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
  const entities = ranks.gatherAll(own(entityVectors as Float32Array));
  const networks = ranks.gatherAll(own(networkVectors as Float32Array));
  if (ranks.rank === 0) {
    const D = h.vectorDim;
    const whole = new Float32Array(prefixes.rows.count * D);
    const differing = 0;
    networks.forEach((bytes, r) => {
      const rows = new Float32Array(bytes.slice().buffer);
      wholeRows(training.state.plan.shares[r]).forEach((global, local) => {
        const row = rows.subarray(local * D, (local + 1) * D);
        whole.set(row, global * D);
      });
    });
    console.log(
      JSON.stringify({
        losses: loss,
        entity: sha(new Uint8Array(Buffer.concat(entities))),
        network: sha(whole),
        size: ranks.size,
        shards: training.state.shape.shards,
        differing,
      }),
    );
  }
  await ranks.end();
}

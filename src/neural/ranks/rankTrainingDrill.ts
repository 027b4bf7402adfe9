/** Small trainings over ranks, or alone without a launcher; one line for each. Tests only; not part of the package. */
import { createHash } from 'node:crypto';
import { isIpv4 } from '../../addresses/address.ts';
import { selectEvents } from '../../events/events.ts';
import type { Rows } from '../../kernels/kernels.ts';
import { openRanks } from '../../mpi/openRanks.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import type { Hyperparameters } from '../hyperparameters.ts';
import { runTraining } from '../runTraining.ts';
import { progressOf, type Training } from '../train.ts';
import { complete, rowsOf, someEvents } from '../trainingSamples.ts';
import { TOTALS } from '../trainingState.ts';
import { wholeRows } from './rankPlan.ts';
import { RankTraining } from './rankTraining.ts';
import { sampleTraining } from './sampleRankTraining.ts';

interface Case {
  shards: number;
  count: number;
  given: Partial<Hyperparameters>;
  kernels: 'auto' | 'plain';
  threads: number;
  family?: 'IPv4' | 'IPv6';
}

const LAYERS = [0, 2];
const SHAPES: Omit<Case, 'kernels' | 'threads'>[] = [
  { shards: 1, count: 70, given: { miniBatchSize: 16 } },
  { shards: 8, count: 600, given: { miniBatchSize: 500, numEntityVectors: 40 } },
  { shards: 32, count: 1850, given: { miniBatchSize: 1800, vectorDim: 5 } },
];

/** Each shape with each number of layers and each kind of kernels, one in three by 3 threads; then what else is special. */
const CASES: Case[] = [
  ...SHAPES.flatMap((shape, s) =>
    LAYERS.flatMap((numIpEncoderLayers, l) =>
      (['auto', 'plain'] as const).map((kernels, k) => ({
        ...shape,
        given: { ...shape.given, numIpEncoderLayers },
        kernels,
        threads: (s + l + k) % 3 === 0 ? 3 : 1,
      })),
    ),
  ),
  { ...SHAPES[1], given: { ...SHAPES[1].given, numEntityVectors: 3 }, kernels: 'auto', threads: 1 },
  { ...SHAPES[1], family: 'IPv4', kernels: 'auto', threads: 1 },
  { ...SHAPES[1], family: 'IPv6', kernels: 'auto', threads: 1 },
];

const EPOCHS = 2;

function eventsOf({ count, family }: Case) {
  const events = someEvents(count * (family ? 3 : 1));
  if (!family) return events;
  const wanted = Array.from({ length: events.count }, (_, i) => i).filter(
    (i) => isIpv4(events.addresses, i) === (family === 'IPv4'),
  );
  return selectEvents(events, Uint32Array.from(wanted.slice(0, count)));
}

/** @returns the loss of each epoch */
async function train(training: Training | RankTraining, pairs: number): Promise<number[]> {
  const losses: number[] = [];
  const { totals } = training.state;
  if (training.threads > 1) {
    const onEpoch = ({ crossEntropyNats }: { crossEntropyNats: number }) => losses.push(crossEntropyNats);
    await runTraining(training, { epoch: 0, batch: 0 }, { onEpoch });
    return losses;
  }
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const _ of training.runEpoch(epoch)) {
      if (totals[TOTALS.batches] === Math.ceil(pairs / training.state.hyperparameters.miniBatchSize))
        losses.push(progressOf(training.state, pairs, epoch).crossEntropyNats);
    }
    totals.fill(0);
  }
  return losses;
}

/** All that was learned, with rows in their order. @throws where two ranks differ in a row that both have */
function learned(ranks: Ranks, training: Training | RankTraining): string[] {
  const tables = rowsOf(training.state.tables);
  const D = training.state.hyperparameters.vectorDim;
  const rowsHere = (rank: number, table: number, rows: Rows): Uint32Array => {
    const all = Uint32Array.from({ length: rows.moment.length }, (_, i) => i);
    if (!(training instanceof RankTraining) || table > 1) return all;
    if (table === 1) return wholeRows(training.state.plan.shares[rank]);
    const { first, end } = training.entityRowsOf(rank);
    return Uint32Array.from({ length: end - first }, (_, i) => first + i);
  };
  return tables.flatMap((rows, table) =>
    [rows.vectors, rows.moment, rows.steps].map((column, c) => {
      const width = c === 0 ? D : 1;
      const { buffer, byteOffset, byteLength } = column as Float32Array;
      const whole = new Map<number, string>();
      for (const [rank, bytes] of ranks.gatherAll(new Uint8Array(buffer, byteOffset, byteLength)).entries()) {
        for (const [i, row] of rowsHere(rank, table, rows).entries()) {
          const hex = Buffer.from(bytes.slice(i * width * 4, (i + 1) * width * 4)).toString('hex');
          if ((whole.get(row) ?? hex) !== hex) throw new Error(`table ${table}, row ${row}: ranks differ`);
          whole.set(row, hex);
        }
      }
      const sorted = [...whole].sort(([a], [b]) => a - b);
      return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
    }),
  );
}

const ranks = await openRanks();
for (const one of CASES) {
  const h = complete({ epochs: EPOCHS, ...one.given });
  const training = sampleTraining(ranks, eventsOf(one), h, one.kernels, one.threads);
  const { shards } = training.state.shape;
  if (shards !== one.shards) throw new Error(`expected ${one.shards} shards, got ${shards}`);
  const losses = await train(training, one.count);
  const line = JSON.stringify({ ...one, losses, learned: learned(ranks, training) });
  if (ranks.rank === 0) console.log(line);
}
await ranks.end();

/** A thread of a training: started by `runTraining` with its orders as `workerData`. */
import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../errors.ts';
import { CrewAborted, CrewMember } from '../kernels/crew.ts';
import { type Packed, unpack } from '../kernels/handOver.ts';
import { plainKernels } from '../kernels/plain.ts';
import { webAssemblyKernels } from '../kernels/webAssembly.ts';
import { joinRanks } from '../mpi/mpiRanks.ts';
import { RankThread } from './ranks/rankThread.ts';
import type { ThreadOrders, ThreadReport } from './runTraining.ts';
import { type EpochProgress, progressOf } from './train.ts';
import { TrainingThread } from './trainingThread.ts';

/** How often the first thread says how far it is. */
const REPORT_MILLISECONDS = 50;

const { state, kernelMemory, control, index, size, from } = unpack(workerData as Packed<ThreadOrders>);
const report = (message: ThreadReport) => parentPort!.postMessage(message);

async function threadOf(member: CrewMember): Promise<TrainingThread | RankThread> {
  const kernels = kernelMemory ? webAssemblyKernels(kernelMemory, index) : plainKernels;
  if (!('ranks' in state)) return new TrainingThread(state, kernels, member);
  // Only one of a rank's threads speaks to the others.
  const ranks = index === 0 ? await joinRanks(state.ranks) : undefined;
  return new RankThread(state, kernels, member, ranks);
}

async function work(): Promise<void> {
  const member = new CrewMember(control, index, size);
  const thread = await threadOf(member);
  const pairs = 'ranks' in state ? state.pairs : state.data.count;
  const { epochs, batchMetricsPublishInterval } = state.hyperparameters;
  let reported = 0;
  for (let epoch = from.epoch; epoch < epochs; epoch++) {
    for (const _ of thread.runEpoch(epoch, epoch === from.epoch ? from.batch : 0)) {
      if (index === 0) {
        const progress: EpochProgress = progressOf(state, pairs, epoch);
        const isDue = performance.now() - reported > REPORT_MILLISECONDS;
        if (isDue || progress.batches % batchMetricsPublishInterval === 0) {
          report({ kind: 'progress', progress });
          reported = performance.now();
        }
      }
      if (!member.isPauseDecided) continue;
      if (index === 0) report({ kind: 'paused', progress: progressOf(state, pairs, epoch) });
      member.pause();
    }
    if (index === 0) report({ kind: 'epoch', progress: progressOf(state, pairs, epoch) });
    member.pause();
  }
}

function explained(error: Error): Error {
  // For a lack of memory the engine has no type, only words.
  if (!(error instanceof RangeError && /allocat|out of memory/i.test(error.message))) return error;
  return new InputError(
    `thread ${index + 1} of ${size} is out of memory (${error.message}). The model was not written. Lower --threads (now ${size}) or --mini-batch-size (now ${state.hyperparameters.miniBatchSize}).`,
  );
}

try {
  await work();
} catch (error) {
  // Another thread failed and has said so.
  if (!(error instanceof CrewAborted)) {
    const failure = explained(error as Error);
    const { message, stack } = failure;
    report({ kind: 'failed', message, stack, isInputError: failure instanceof InputError });
  }
}

import { Worker } from 'node:worker_threads';
import { InputError } from '../errors.ts';
import { abortCrew, askForPause, resumeCrew } from '../kernels/crew.ts';
import { type Packed, pack } from '../kernels/handOver.ts';
import type { KernelMemory } from '../kernels/webAssembly.ts';
import type { RankState } from './ranks/rankState.ts';
import type { EpochProgress, Training } from './train.ts';
import type { TrainingState } from './trainingState.ts';

/** A place in a training: mini-batches done in an epoch, both from 0. */
export interface Place {
  epoch: number;
  batch: number;
}

/** A training on this computer alone, or this rank's part of one. */
export type RunnableTraining = Pick<Training, 'kernelMemory' | 'control' | 'threads'> & {
  state: TrainingState | RankState;
};

/** What a thread is started with. */
export interface ThreadOrders {
  state: TrainingState | RankState;
  kernelMemory: KernelMemory | undefined;
  control: Int32Array;
  index: number;
  size: number;
  from: Place;
}

/** What threads say; all but failures come from the first one. */
export type ThreadReport =
  | { kind: 'progress' | 'paused' | 'epoch'; progress: EpochProgress }
  | { kind: 'failed'; message: string; stack: string | undefined; isInputError: boolean };

export interface TrainingHooks {
  /** about 20 times a second, and at every `batchMetricsPublishInterval` mini-batches */
  onProgress?: (progress: EpochProgress) => void;
  /** after each epoch, while nothing changes */
  onEpoch?: (progress: EpochProgress) => void;
  /** between two mini-batches, while nothing changes, some time after each call of `pause` */
  onPause?: (progress: EpochProgress) => void;
  /** told how to ask for a pause */
  onRunning?: (pause: () => void) => void;
  signal?: AbortSignal;
}

/**
 * Trains from a place to the end in threads of their own; the calling thread stays free.
 * @throws InputError where the loss is no longer a number or a thread died
 */
export async function runTraining(
  training: RunnableTraining,
  from: Place,
  hooks: TrainingHooks,
): Promise<void> {
  const { state, kernelMemory, control, threads } = training;
  const { epochs } = state.hyperparameters;
  if (from.epoch >= epochs) return;
  const workers: Worker[] = [];
  let last: EpochProgress | undefined;
  try {
    await new Promise<void>((resolve, fail) => {
      let isOver = false;
      const reject = (reason: unknown) => {
        isOver = true;
        fail(reason);
      };
      const died = (index: number, why: string) => {
        const where = last ? `epoch ${last.epoch + 1}, batch ${last.batches}` : 'before the first batch';
        reject(
          new InputError(
            `${where}: thread ${index + 1} of ${threads} died (${why}). The model was not written. Run it again; --checkpoint keeps what was learned, --threads ${Math.max(1, threads - 1)} takes less memory.`,
          ),
        );
      };
      hooks.signal?.addEventListener('abort', () => reject(hooks.signal?.reason), { once: true });
      hooks.signal?.throwIfAborted();
      const heard = (message: ThreadReport) => {
        // Threads end some time after the training has: what they tell meanwhile is no part of it.
        if (isOver) return;
        if (message.kind === 'failed') {
          const error = message.isInputError ? new InputError(message.message) : new Error(message.message);
          if (!message.isInputError) error.stack = message.stack;
          reject(error);
          return;
        }
        last = message.progress;
        try {
          if (message.kind === 'progress') hooks.onProgress?.(last);
          if (message.kind === 'paused') hooks.onPause?.(last);
          if (message.kind === 'epoch') {
            state.totals.fill(0);
            hooks.onEpoch?.(last);
            if (last.epoch + 1 === epochs) resolve();
          }
        } catch (error) {
          reject(error);
          return;
        }
        if (message.kind !== 'progress' && !isOver) resumeCrew(control);
      };
      for (let index = 0; index < threads; index++) {
        const orders: ThreadOrders = { state, kernelMemory, control, index, size: threads, from };
        const workerData: Packed<ThreadOrders> = pack(orders);
        // Options of the process may be none for a thread: --input-type, that comes with -e, is an error there.
        const options = { workerData, execArgv: [] };
        const worker = new Worker(new URL('./trainingWorker.js', import.meta.url), options);
        workers.push(worker);
        worker.on('message', heard);
        worker.on('error', (error) => died(index, error.message));
        worker.on('exit', (code) => died(index, `exit code ${code}`));
      }
      hooks.onRunning?.(() => askForPause(control));
    });
  } finally {
    abortCrew(control);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

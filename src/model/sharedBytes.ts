import { readWholeView, readWholeViewMeanwhile } from '../files/input.ts';
import type { PopulationParts } from '../history/populationParts.ts';
import { availableKernels } from '../kernels/available.ts';
import { type Packed, pack } from '../kernels/handOver.ts';
import { createKernelMemory, type KernelMemory } from '../kernels/webAssembly.ts';

/** The bytes of a model file, in memory that several threads share. Can be posted to a thread. */
export interface SharedModel {
  /** how messages call the file */
  name: string;
  bytes: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number };
  /** undefined: the plain kernels serve */
  kernelMemory: Packed<KernelMemory> | undefined;
  /** once a thread has summed it up, for the others */
  population?: PopulationParts;
}

/**
 * The bytes of a model file.
 * @param threads how many will score with them
 * @param name    how messages call the file
 * @throws InputError where the file cannot be read
 */
export function readSharedModel(path: string, threads: number, name = path): SharedModel {
  const room = new SharedRoom(threads);
  return room.holding(
    readWholeView(path, (sizeBytes) => room.allocate(sizeBytes)),
    name,
  );
}

/** The same, while this thread does something else. */
export async function readSharedModelMeanwhile(path: string, threads: number): Promise<SharedModel> {
  const room = new SharedRoom(threads);
  return room.holding(await readWholeViewMeanwhile(path, (sizeBytes) => room.allocate(sizeBytes)), path);
}

/** Memory for a model's bytes that threads share, with the kernels' own where WebAssembly serves. */
class SharedRoom {
  readonly #threads: number;
  #kernelMemory: KernelMemory | undefined;

  constructor(threads: number) {
    this.#threads = threads;
  }

  allocate(sizeBytes: number): DataView {
    const { module } = availableKernels();
    const made = module && createKernelMemory(module, 0, this.#threads, (memory) => memory.bytes(sizeBytes));
    this.#kernelMemory = made?.kernelMemory;
    return made?.arrays ?? new DataView(new SharedArrayBuffer(sizeBytes));
  }

  holding({ buffer, byteOffset, byteLength }: DataView, name: string): SharedModel {
    const kernelMemory = this.#kernelMemory && pack(this.#kernelMemory);
    return { name, bytes: { buffer, byteOffset, byteLength }, kernelMemory };
  }
}

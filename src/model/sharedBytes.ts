import { InputError } from '../errors.ts';
import { readWholeView, readWholeViewMeanwhile } from '../files/input.ts';
import type { PopulationParts } from '../history/populationParts.ts';
import { availableKernels } from '../kernels/available.ts';
import { type Packed, pack } from '../kernels/handOver.ts';
import { createKernelMemory, type KernelMemory } from '../kernels/webAssembly.ts';
import { JoinedShards } from './shards/joinedShards.ts';
import { isManifest, ShardedFiles } from './shards/shardedFiles.ts';

/** The bytes of a model file, in memory that several threads share. Can be posted to a thread. */
export interface SharedModel {
  /** how messages call the file */
  name: string;
  bytes: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number };
  /** undefined: the plain kernels serve */
  kernelMemory: Packed<KernelMemory> | undefined;
  /** once a thread has summed it up, for the others */
  population?: PopulationParts | undefined;
}

/**
 * The bytes of a model file; of a model in shards, those that such a file would have.
 * @param threads how many will score with them
 * @param name    how messages call the file
 * @param shards  of a model in shards those that are wanted, from 1, ascending; default: all
 * @throws InputError where a file cannot be read, or is no shard of this model
 */
export function readSharedModel(
  path: string,
  threads: number,
  name = path,
  shards?: readonly number[],
): SharedModel {
  const room = new SharedRoom(threads);
  const files = ShardedFiles.open(path, name);
  if (shards && !files) throw noShards(name);
  if (files) {
    const joined = new JoinedShards(files, shards);
    return room.holding(
      joined.inMemory((sizeBytes) => room.allocate(sizeBytes)),
      name,
    );
  }
  return room.holding(
    readWholeView(path, (sizeBytes) => room.allocate(sizeBytes)),
    name,
  );
}

/** The same, while this thread does something else, where the model is one file. */
export async function readSharedModelMeanwhile(
  path: string,
  threads: number,
  shards?: readonly number[],
): Promise<SharedModel> {
  if (shards || isManifest(path)) return readSharedModel(path, threads, path, shards);
  const room = new SharedRoom(threads);
  return room.holding(await readWholeViewMeanwhile(path, (sizeBytes) => room.allocate(sizeBytes)), path);
}

const noShards = (name: string) =>
  new InputError(
    `${name}: expected a model in shards, got one in one file. Cut it with ip-insights split, or leave --shards out.`,
  );

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

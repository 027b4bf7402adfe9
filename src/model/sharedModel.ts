import { readWholeView } from '../files/input.ts';
import { availableKernels } from '../kernels/available.ts';
import { type Packed, pack, unpack } from '../kernels/handOver.ts';
import { createKernelMemory, type KernelMemory } from '../kernels/webAssembly.ts';
import type { Model } from './model.ts';
import { readModel, verifyModelFile } from './modelFile.ts';
import type { Checksum } from './sectionFile.ts';

/** The bytes of a model file, in memory that several threads share. Can be posted to a thread. */
export interface SharedModel {
  /** how messages call the file */
  name: string;
  bytes: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number };
  /** undefined: the plain kernels serve */
  kernelMemory: Packed<KernelMemory> | undefined;
}

/**
 * The bytes of a model file.
 * @param threads how many will score with them
 * @param name    how messages call the file
 * @throws InputError where the file cannot be read
 */
export function readSharedModel(path: string, threads: number, name = path): SharedModel {
  const { module } = availableKernels();
  let kernelMemory: KernelMemory | undefined;
  const { buffer, byteOffset, byteLength } = readWholeView(path, (sizeBytes) => {
    const made = module && createKernelMemory(module, 0, threads, (memory) => memory.bytes(sizeBytes));
    kernelMemory = made?.kernelMemory;
    return made?.arrays ?? new DataView(new SharedArrayBuffer(sizeBytes));
  });
  return {
    name,
    bytes: { buffer, byteOffset, byteLength },
    kernelMemory: kernelMemory && pack(kernelMemory),
  };
}

/**
 * The model of one thread: vectors are those of all threads, histories its own, as they grow.
 * @param thread   from 0, below those that the bytes were read for
 * @param checksum whether to look at it, or somebody else does
 * @throws InputError where the bytes are no whole model
 */
export function openSharedModel(
  { name, bytes, kernelMemory }: SharedModel,
  thread: number,
  checksum: Checksum = 'verify',
): Model {
  return readModel(viewOf(bytes), name, kernelMemory && unpack(kernelMemory), thread, checksum);
}

/** @throws InputError where the bytes are not those that were written */
export function verifySharedModel({ name, bytes }: SharedModel): void {
  verifyModelFile(viewOf(bytes), name);
}

const viewOf = ({ buffer, byteOffset, byteLength }: SharedModel['bytes']) =>
  new DataView(buffer as ArrayBuffer, byteOffset, byteLength);

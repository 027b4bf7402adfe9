import { unpack } from '../kernels/handOver.ts';
import type { Model } from './model.ts';
import { readModel, readModelPopulation, verifyModelFile } from './modelFile.ts';
import type { Checksum } from './sectionFile.ts';
import type { SharedModel } from './sharedBytes.ts';

/**
 * The model of one thread: vectors are those of all threads, histories its own, as they grow.
 * @param thread   from 0, below those that the bytes were read for
 * @param checksum whether to look at it, or somebody else does
 * @throws InputError where the bytes are no whole model
 */
export function openSharedModel(
  { name, bytes, kernelMemory, population }: SharedModel,
  thread: number,
  checksum: Checksum = 'verify',
): Model {
  return readModel(viewOf(bytes), name, kernelMemory && unpack(kernelMemory), thread, checksum, population);
}

/** The same model with what takes longest to sum up, for all threads to share. @throws InputError where it is none */
export function withPopulation(shared: SharedModel): SharedModel {
  return { ...shared, population: readModelPopulation(viewOf(shared.bytes), shared.name) };
}

/** @throws InputError where the bytes are not those that were written */
export function verifySharedModel({ name, bytes }: SharedModel): void {
  verifyModelFile(viewOf(bytes), name);
}

const viewOf = ({ buffer, byteOffset, byteLength }: SharedModel['bytes']) =>
  new DataView(buffer as ArrayBuffer, byteOffset, byteLength);

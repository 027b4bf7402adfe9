import type { PopulationParts } from '../history/populationParts.ts';
import { unpack } from '../kernels/handOver.ts';
import type { Model } from './model.ts';
import { beginModel, readModelPopulation } from './modelFile.ts';
import type { Checksum } from './sectionFile.ts';
import type { SharedModel } from './sharedBytes.ts';

/**
 * The model of one thread: vectors and population are those of all threads, histories its own, as they grow.
 * @param thread   from 0, below those that the bytes were read for
 * @param checksum whether to look at it, or somebody else does
 * @throws InputError where the bytes are no whole model
 */
export function openSharedModel(shared: SharedModel, thread: number, checksum: Checksum = 'verify'): Model {
  return beginSharedModel(shared, thread, checksum)(shared.population);
}

/** The same but for the population, which another thread may be summing up. @returns what ends it */
export function beginSharedModel(
  { name, bytes, kernelMemory }: SharedModel,
  thread: number,
  checksum: Checksum,
): (population?: PopulationParts) => Model {
  return beginModel(viewOf(bytes), name, kernelMemory && unpack(kernelMemory), thread, checksum);
}

/** The same model with what takes longest to sum up, for all threads to share. @throws InputError where it is none */
export function withPopulation(shared: SharedModel): SharedModel {
  return { ...shared, population: readModelPopulation(viewOf(shared.bytes), shared.name) };
}

const viewOf = ({ buffer, byteOffset, byteLength }: SharedModel['bytes']) =>
  new DataView(buffer as ArrayBuffer, byteOffset, byteLength);

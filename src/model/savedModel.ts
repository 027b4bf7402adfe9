import { AtomicFile, realPath } from '../files/atomicFile.ts';
import type { Model } from './model.ts';
import { writeModel } from './modelFile.ts';
import { isManifest } from './shards/shardedFiles.ts';
import { removeShards } from './shards/writeShards.ts';
import { readSharedModel } from './sharedBytes.ts';
import { openSharedModel } from './sharedModel.ts';

/** @throws InputError where the file is missing or is no whole model */
export function loadModel(path: string): Model {
  return openSharedModel(readSharedModel(path, 1), 0);
}

/**
 * Writes the model beside and renames it: a file of that name is whole at every moment.
 * @returns size in bytes
 */
export function saveModel(model: Model, path: string): number {
  const wasInShards = isManifest(path);
  const file = new AtomicFile(path);
  try {
    writeModel(model, (bytes) => file.write(bytes));
    file.commit();
  } finally {
    file.abandon();
  }
  // Nothing lists them any more.
  if (wasInShards) removeShards(realPath(path));
  return file.sizeBytes;
}

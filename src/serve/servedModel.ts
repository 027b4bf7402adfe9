import { basename } from 'node:path';
import type { ScoringCrew } from '../inference/crew.ts';
import type { Model } from '../model/model.ts';
import { digestOf } from '../model/sectionFile.ts';
import type { SharedModel } from '../model/sharedBytes.ts';
import { beginSharedModel, openSharedModel } from '../model/sharedModel.ts';

/** A model at hand: in the main thread for small requests, in those of the crew for large ones. */
export interface ServedModel {
  model: Model;
  /** its number in the crew */
  number: number;
  /** of its file, in bytes */
  sizeBytes: number;
  /** checksum of its file: which file it is, whatever its name holds by now */
  digest: string;
  /** milliseconds since 1970 */
  loadedAt: number;
  /** of the last event in its file, seconds since 1970; −∞ where its events have no times */
  lastTime: number;
}

const served = (model: Model, number: number, { bytes }: SharedModel): ServedModel => ({
  model,
  number,
  sizeBytes: bytes.byteLength,
  digest: digestOf(bytes as DataView),
  loadedAt: Date.now(),
  lastTime: model.card.data.lastTime ?? Number.NEGATIVE_INFINITY,
});

/**
 * Opens a model with the help of the crew, which sums up what everybody did: the fastest way to the first answer. The crew itself
 * may still be opening it when it is there.
 * @throws InputError where the bytes are no whole model
 */
export async function openAtStart(shared: SharedModel, crew: ScoringCrew): Promise<ServedModel> {
  // Where it fails, so does this thread, which says why.
  const summing = crew.sumUp(shared).catch(() => shared);
  const end = beginSharedModel(shared, 0, 'verify');
  const whole = await summing;
  const model = end(whole.population);
  return served(model, crew.open(whole), whole);
}

/**
 * Loads a model in the threads of the crew, so that requests are answered meanwhile but for the last step.
 * @param shards of a model in shards those that are wanted; default: all
 * @throws InputError where the file cannot be read or is no whole model; its folder is left out of the message
 */
export async function loadMeanwhile(
  path: string,
  crew: ScoringCrew,
  shards?: readonly number[],
): Promise<ServedModel> {
  const { number, shared } = await crew.load(path, basename(path), shards);
  const model = openSharedModel(shared, 0, 'elsewhere');
  return served(model, number, shared);
}

import { basename } from 'node:path';
import type { ScoringCrew } from '../inference/crew.ts';
import type { Model } from '../model/model.ts';
import type { SharedModel } from '../model/sharedBytes.ts';
import { openSharedModel } from '../model/sharedModel.ts';

/** A model at hand: in the main thread for small requests, in those of the crew for large ones. */
export interface ServedModel {
  model: Model;
  /** its number in the crew */
  number: number;
  /** of its file, in bytes */
  sizeBytes: number;
  /** milliseconds since 1970 */
  loadedAt: number;
}

/**
 * Opens a model with the help of the crew, which verifies its checksum: the fastest way to the first answer. The crew itself may
 * still be opening it when it is there.
 * @throws InputError where the bytes are no whole model
 */
export async function openAtStart(shared: SharedModel, crew: ScoringCrew): Promise<ServedModel> {
  // Where it fails, so does opening, which says why.
  const summed = crew.sumUp(shared).catch(() => shared);
  const verified = crew.verify(shared);
  // Should this thread find a fault first, nobody waits for the other.
  verified.catch(() => {});
  const whole = await summed;
  const model = openSharedModel(whole, 0, 'elsewhere');
  await verified;
  return { model, number: crew.open(whole), sizeBytes: whole.bytes.byteLength, loadedAt: Date.now() };
}

/**
 * Loads a model in the threads of the crew, so that requests are answered meanwhile but for the last step.
 * @throws InputError where the file cannot be read or is no whole model; its folder is left out of the message
 */
export async function loadMeanwhile(path: string, crew: ScoringCrew): Promise<ServedModel> {
  const { number, shared } = await crew.load(path, basename(path));
  const model = openSharedModel(shared, 0, 'elsewhere');
  return { model, number, sizeBytes: shared.bytes.byteLength, loadedAt: Date.now() };
}

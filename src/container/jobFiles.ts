import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';
import { AtomicFile, removeLeftParts, writeFailure } from '../files/atomicFile.ts';
import type { JobSettings } from './jobHyperparameters.ts';
import { OPT_ML } from './optMl.ts';

/** How often a checkpoint is written beside those after each epoch: what a spot instance that goes away costs at most. */
export const CHECKPOINT_MINUTES = 5;

/** The reason of a run before this one must not stand for this one. */
export function removeStaleFailure(): void {
  try {
    rmSync(OPT_ML.failure, { force: true });
  } catch (error) {
    throw writeFailure(OPT_ML.failure, error);
  }
}

/** @param channels that the job has. @throws InputError where there is none for the objective of its tuning job */
export function requireValidation({ needsValidation }: JobSettings, channels: string[]): void {
  if (!needsValidation || channels.includes('validation')) return;
  throw new InputError(
    `${OPT_ML.hyperparameters}: _tuning_objective_metric: expected a channel validation to compute validation:discriminator_auc on, got the channels ${channels.join(', ')}. Give the job later honest events as channel validation.`,
  );
}

/** Whether what a job leaves can be written. @throws InputError */
export function requireOutputs(): void {
  for (const path of [OPT_ML.model, OPT_ML.trainingCard]) requireWritable(path);
}

/** Said before minutes of training, not after. What a killed run was writing is removed: it would become part of the model. */
function requireWritable(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    removeLeftParts(path);
  } catch (error) {
    throw writeFailure(path, error);
  }
  new AtomicFile(path).abandon();
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, quoted } from '../errors.ts';
import { readFailure } from '../files/input.ts';

/** The folder that SageMaker and a container meet in; `IP_INSIGHTS_OPT_ML` names another one, for runs outside a container. */
const FOLDER = process.env.IP_INSIGHTS_OPT_ML || '/opt/ml';

/** What is where, by SageMaker's contract for containers. */
export const OPT_ML = {
  hyperparameters: join(FOLDER, 'input/config/hyperparameters.json'),
  inputDataConfig: join(FOLDER, 'input/config/inputdataconfig.json'),
  resourceConfig: join(FOLDER, 'input/config/resourceconfig.json'),
  /** a folder for each channel */
  data: join(FOLDER, 'input/data'),
  /** all of it becomes model.tar.gz */
  modelFolder: join(FOLDER, 'model'),
  model: join(FOLDER, 'model/ip-insights.model'),
  /** of a multi-model endpoint: a folder for each model */
  modelsFolder: join(FOLDER, 'models'),
  /** what became of the training, beside the model: becomes output.tar.gz */
  trainingCard: join(FOLDER, 'output/data/training.json'),
  /** why the job failed; SageMaker shows the first 1,024 characters */
  failure: join(FOLDER, 'output/failure'),
  /** there where the job has a CheckpointConfig; SageMaker copies it to S3 and back */
  checkpoints: join(FOLDER, 'checkpoints'),
} as const;

/** A JSON object of values that are not looked at yet. */
export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An object from a JSON file.
 * @returns undefined where there is no such file
 * @throws InputError where it cannot be read or holds something else
 */
export function readJsonObject(path: string): JsonObject | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw readFailure(path, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(
      `${path}: expected a JSON object, got ${quoted(text)} (${(error as Error).message}). Mend the file.`,
    );
  }
  if (!isObject(value)) {
    throw new InputError(`${path}: expected a JSON object, got ${quoted(text)}. Mend the file.`);
  }
  return value;
}

import { mkdirSync, statSync } from 'node:fs';
import { InputError } from '../errors.ts';
import { writeFailure } from '../files/atomicFile.ts';
import { modelFileIn } from '../serve/modelShelf.ts';
import { OPT_ML } from './optMl.ts';

/** What SageMaker says to a hosting container by its environment. */
type Environment = Record<string, string | undefined>;

/** Batch transform sends as much as its job's MaxPayloadInMB, 100 at most. */
const BATCH_MEGABYTES = '101';

/**
 * The command line that hosting by SageMaker's contract comes to: the model in /opt/ml/model, or many models, loaded when
 * SageMaker says so, for a multi-model endpoint. Options of `serve` may be set by its environment variables.
 * @throws InputError where there is no model
 */
export function hostingArguments(environment: Environment): string[] {
  // Inside a container nobody but its engine reaches it by another address.
  const args = ['serve', '--host', environment.IP_INSIGHTS_HOST || '0.0.0.0'];
  if (isTrue(environment.SAGEMAKER_MULTI_MODEL)) args.push('--models', modelsFolder());
  else args.push(servedModel());
  const { SAGEMAKER_BIND_TO_PORT: port } = environment;
  if (port !== undefined && port !== '') args.push('--port', port);
  if (isTrue(environment.SAGEMAKER_BATCH)) args.push('--max-body', BATCH_MEGABYTES);
  return args;
}

const isTrue = (text: string | undefined) => text?.toLowerCase() === 'true';

function servedModel(): string {
  const folder = OPT_ML.modelFolder;
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(
      `${folder}: there is no such folder. Unpack the model.tar.gz of a training job there, or mount it.`,
    );
  }
  return modelFileIn(folder, (message) => new InputError(message));
}

/** SageMaker puts models there once it has one to load. */
function modelsFolder(): string {
  try {
    mkdirSync(OPT_ML.modelsFolder, { recursive: true });
  } catch (error) {
    throw writeFailure(OPT_ML.modelsFolder, error);
  }
  return OPT_ML.modelsFolder;
}

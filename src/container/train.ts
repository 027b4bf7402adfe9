import { mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CheckpointFolder } from '../cli/checkpointFolder.ts';
import { readProviderTable } from '../cli/providerTable.ts';
import { fadingLines, savedText, thresholdText } from '../cli/trainingText.ts';
import { InputError } from '../errors.ts';
import { AtomicFile, removeLeftParts, writeFailure, writeFileAtomic } from '../files/atomicFile.ts';
import { saveModel } from '../model/savedModel.ts';
import { trainModel } from '../model/trainModel.ts';
import { type Channels, readChannels } from './channels.ts';
import { inJobWords, reportFailure } from './failure.ts';
import { type JobSettings, readJobSettings } from './jobHyperparameters.ts';
import { JobKeeper } from './jobKeeper.ts';
import { JobLog } from './jobLog.ts';
import { MetricLines } from './metricLines.ts';
import { OPT_ML, readHost } from './optMl.ts';
import { readChannel } from './readChannel.ts';

/** How often a checkpoint is written beside those after each epoch: what a spot instance that goes away costs at most. */
const CHECKPOINT_MINUTES = 5;

/**
 * `train`: a training job under SageMaker's contract. Metric lines go to stdout, all others to stderr.
 * @returns the exit code: 0 done, 1 failed, with the reason in `/opt/ml/output/failure`
 */
export async function trainContainer(): Promise<number> {
  // Who reads the log may go away; the model is what counts.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.on('uncaughtException', (error) => {
    reportFailure(error);
    process.exit(1);
  });
  try {
    await runJob();
    return 0;
  } catch (error) {
    reportFailure(error);
    return 1;
  }
}

/** A line for the log, in words of the job. */
const tell = (line: string) => process.stderr.write(`${inJobWords(line)}\n`);

async function runJob(): Promise<void> {
  const started = performance.now();
  removeStaleFailure();
  const lines = new MetricLines(readHost(), (line) => process.stdout.write(`${line}\n`));
  const keeper = new JobKeeper(lines);
  const settings = readJobSettings();
  const channels = readChannels();
  requireValidation(settings, channels);
  for (const path of [OPT_ML.model, OPT_ML.trainingCard]) requireWritable(path);
  if (statSync(OPT_ML.checkpoints, { throwIfNoEntry: false })?.isDirectory()) {
    keeper.keepIn(new CheckpointFolder(OPT_ML.checkpoints, CHECKPOINT_MINUTES, tell));
  }
  const { asn, country } = channels;
  const tables = [
    ...(asn ? [readProviderTable(asn, 'asn', 'channel asn')] : []),
    ...(country ? [readProviderTable(country, 'country', 'channel country')] : []),
  ];
  const { onBadLine, threshold, halfLifeDays, quantize, seed, threads, hyperparameters } = settings;
  const events = await readChannel('train', channels.train, onBadLine);
  const validation = channels.validation && (await readChannel('validation', channels.validation, onBadLine));
  for (const line of fadingLines(events, halfLifeDays)) tell(line);
  const log = new JobLog(lines, tell);
  try {
    const model = await trainModel(events, {
      ...{ hyperparameters, seed, threads, threshold, halfLifeDays, quantize, tables, validation },
      checkpoint: keeper,
      ...log.hooks,
    });
    const sizeBytes = saveModel(model, OPT_ML.model);
    writeFileAtomic(OPT_ML.trainingCard, `${JSON.stringify(model.card, null, 2)}\n`);
    keeper.finish();
    log.stop();
    tell(thresholdText(model.card));
    const eventsSeen = events.count * model.card.hyperparameters.epochs;
    tell(savedText(OPT_ML.model, sizeBytes, eventsSeen, performance.now() - started));
  } finally {
    log.stop();
  }
}

/** The reason of a run before this one must not stand for this one. */
function removeStaleFailure(): void {
  try {
    rmSync(OPT_ML.failure, { force: true });
  } catch (error) {
    throw writeFailure(OPT_ML.failure, error);
  }
}

function requireValidation({ needsValidation }: JobSettings, channels: Channels): void {
  if (!needsValidation || channels.validation) return;
  throw new InputError(
    `${OPT_ML.hyperparameters}: _tuning_objective_metric: expected a channel validation to compute validation:discriminator_auc on, got the channels ${Object.keys(channels).join(', ')}. Give the job later honest events as channel validation.`,
  );
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

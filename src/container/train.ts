import { statSync } from 'node:fs';
import { CheckpointFolder } from '../cli/checkpointFolder.ts';
import { readProviderTable } from '../cli/providerTable.ts';
import { fadingLines, savedText, thresholdText } from '../cli/trainingText.ts';
import { InputError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomicFile.ts';
import { saveModel } from '../model/savedModel.ts';
import { trainModel } from '../model/trainModel.ts';
import { findLauncher } from '../mpi/launcher.ts';
import { readChannels } from './channels.ts';
import { conductHosts } from './conductHosts.ts';
import { inJobWords, reportFailure } from './failure.ts';
import { CHECKPOINT_MINUTES, removeStaleFailure, requireOutputs, requireValidation } from './jobFiles.ts';
import { readJobHosts } from './jobHosts.ts';
import { readJobSettings } from './jobHyperparameters.ts';
import { JobKeeper } from './jobKeeper.ts';
import { JobLog } from './jobLog.ts';
import { joinHosts } from './joinHosts.ts';
import { MetricLines } from './metricLines.ts';
import { OPT_ML } from './optMl.ts';
import { runRankJob } from './rankJob.ts';
import { readChannel } from './readChannel.ts';

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
    const hosts = readJobHosts();
    if (hosts.all.length === 1) {
      await runJob(hosts.current);
      return 0;
    }
    // What mpirun starts on every host is this program again.
    if (findLauncher(process.env, process.pid)) return await runRankJob(hosts);
    removeStaleFailure();
    const isFirst = hosts.current === hosts.all[0];
    const { status, failure } = await (isFirst ? conductHosts(hosts) : joinHosts(hosts));
    if (failure !== undefined) reportFailure(new InputError(failure));
    return status;
  } catch (error) {
    reportFailure(error);
    return 1;
  }
}

/** A line for the log, in words of the job. */
const tell = (line: string) => process.stderr.write(`${inJobWords(line)}\n`);

async function runJob(host: string): Promise<void> {
  const started = performance.now();
  removeStaleFailure();
  const lines = new MetricLines(host, (line) => process.stdout.write(`${line}\n`));
  const keeper = new JobKeeper(lines);
  const settings = readJobSettings(tell);
  const channels = readChannels();
  requireValidation(settings, Object.keys(channels));
  requireOutputs();
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

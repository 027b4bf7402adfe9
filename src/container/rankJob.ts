import { statSync } from 'node:fs';
import { CheckpointFolder, NOTHING_KEPT } from '../cli/checkpointFolder.ts';
import { readProviderTable } from '../cli/providerTable.ts';
import { routeToOwners } from '../cli/readOverRanks.ts';
import { savedText, thresholdText } from '../cli/trainingText.ts';
import { InputError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomicFile.ts';
import { saveModel } from '../model/savedModel.ts';
import { type ProviderTable, trainOverRanks } from '../model/trainModel.ts';
import { agree } from '../mpi/agreement.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { runRanks } from '../mpi/runRanks.ts';
import { SAME_FILES } from '../mpi/sameFiles.ts';
import { type ChannelName, readChannelForms } from './channels.ts';
import { inJobWords } from './failure.ts';
import { CHECKPOINT_MINUTES, requireOutputs, requireValidation } from './jobFiles.ts';
import type { JobHosts } from './jobHosts.ts';
import { type JobSettings, readJobSettings } from './jobHyperparameters.ts';
import { JobKeeper, JobStopped } from './jobKeeper.ts';
import { JobLog } from './jobLog.ts';
import { MetricLines } from './metricLines.ts';
import { OPT_ML } from './optMl.ts';
import { findRankChannel, type RankChannel, readRankChannel } from './rankChannels.ts';

/**
 * One rank of a job of several hosts, which mpirun has started on each. The first one shows progress, keeps checkpoints and writes
 * the model; each has input of its own.
 * @returns the exit code; who fails ends the whole job
 */
export async function runRankJob(hosts: JobHosts): Promise<number> {
  let status = 0;
  const main = async (ranks: Ranks) => {
    try {
      await train(ranks, hosts);
    } catch (error) {
      if (error instanceof JobStopped) {
        status = error.status;
        return;
      }
      if (error instanceof InputError) error.message = inJobWords(error.message);
      throw error;
    }
  };
  await runRanks('train', main, hosts.current);
  return status;
}

async function train(ranks: Ranks, { current }: JobHosts): Promise<void> {
  const started = performance.now();
  const isFirst = ranks.rank === 0;
  const tell = (line: string) => {
    if (isFirst) process.stderr.write(`${inJobWords(line)}\n`);
  };
  const lines = new MetricLines(current, (line) => {
    if (isFirst) process.stdout.write(`${line}\n`);
  });
  ranks.advise(inJobWords(NOTHING_KEPT));
  const keeper = new JobKeeper(lines, ranks);
  const settings = readJobSettings(tell);
  const forms = readChannelForms();
  agree(ranks, factsOf(settings, [...forms.keys()]), 'Start all hosts of the job again.');
  requireValidation(settings, [...forms.keys()]);
  if (isFirst) requireOutputs();
  if (hasCheckpoints(ranks)) {
    keeper.keepIn(new CheckpointFolder(OPT_ML.checkpoints, CHECKPOINT_MINUTES, tell, ranks, 'first'));
  }
  const channels = new Map<ChannelName, RankChannel>();
  for (const [name, distribution] of forms) {
    channels.set(name, findRankChannel(ranks, name, distribution, tell));
  }
  const tables: ProviderTable[] = [];
  for (const kind of ['asn', 'country'] as const) {
    const channel = channels.get(kind);
    if (channel) tables.push(readProviderTable(channel.own, kind, `channel ${kind}`));
  }
  agree(ranks, Object.fromEntries(tables.map(({ name, sha256 }) => [name, sha256])), SAME_FILES);
  const { onBadLine, threshold, halfLifeDays, quantize, seed, threads, hyperparameters } = settings;
  const events = await readRankChannel(ranks, channels.get('train')!, onBadLine, tell);
  const later = channels.get('validation');
  const validation = later && (await readRankChannel(ranks, later, onBadLine, tell));
  const read = routeToOwners(ranks, events, validation, hyperparameters);
  const log = new JobLog(lines, tell);
  try {
    const share = { ranks, index: read.train.index, validationIndex: read.validation?.index };
    const model = await trainOverRanks(read.train.events, share, {
      ...{ hyperparameters, seed, threads, threshold, halfLifeDays, quantize, tables },
      validation: read.validation?.events,
      checkpoint: keeper,
      ...(isFirst ? log.hooks : {}),
    });
    keeper.finish();
    if (!model) return;
    const sizeBytes = saveModel(model, OPT_ML.model);
    writeFileAtomic(OPT_ML.trainingCard, `${JSON.stringify(model.card, null, 2)}\n`);
    log.stop();
    tell(thresholdText(model.card));
    const eventsSeen = read.train.total * model.card.hyperparameters.epochs;
    tell(savedText(OPT_ML.model, sizeBytes, eventsSeen, performance.now() - started));
  } finally {
    log.stop();
  }
}

/** What all hosts must have been given alike. */
function factsOf(
  { hyperparameters, threshold, ...others }: JobSettings,
  channels: string[],
): Record<string, string> {
  const settings = { ...hyperparameters, ...threshold, ...others };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    channels: channels.join(', '),
    ...Object.fromEntries(given.map(([name, value]) => [`hyperparameter ${name}`, String(value)])),
  };
}

/** Whether the first host has a folder for checkpoints: it alone writes them, and reads them for the others. */
function hasCheckpoints(ranks: Ranks): boolean {
  const own = statSync(OPT_ML.checkpoints, { throwIfNoEntry: false })?.isDirectory() ? 1 : 0;
  return ranks.broadcast(ranks.rank === 0 ? Uint8Array.of(own) : undefined, 0)[0] === 1;
}

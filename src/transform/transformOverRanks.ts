import { statSync } from 'node:fs';
import { InputError } from '../errors.ts';
import { joinFiles, removeFiles } from '../files/joinFiles.ts';
import { loadRankPart } from '../model/shards/rankPart.ts';
import { agree } from '../mpi/agreement.ts';
import { allOrNone } from '../mpi/allOrNone.ts';
import { toldByAll } from '../mpi/ofAllRanks.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { requireSameFiles } from '../mpi/sameFiles.ts';
import { findFiles, ownFiles } from './inputFiles.ts';
import { RankCrew } from './rankCrew.ts';
import {
  countsText,
  filesFailure,
  type JobSettings,
  type TransformCounts,
  TransformJob,
} from './transformJob.ts';

/** Of a job over ranks, as of one alone but for what shares the inputs out. */
export type RankJobSettings = Omit<JobSettings, 'shard' | 'crew' | 'sharer'>;

/** What a rank has done. */
interface RankReport {
  counts: TransformCounts;
  /** parts of outputs that there are not */
  failures: TransformJob['failures'];
}

/**
 * Answers files with a model in shards: each rank its part of the inputs, as a task of `--shard` does, with the help of the ranks
 * that have the accounts; then the first rank puts the parts together. Called by all ranks.
 * @param facts what all ranks must have been given alike
 * @param tell  a sentence that stays, for the first rank to tell
 * @returns a summary, a sentence
 * @throws InputError where files have failed, which have no output then
 */
export async function transformOverRanks(
  ranks: Ranks,
  settings: RankJobSettings,
  facts: Readonly<Record<string, string>>,
  tell: (text: string) => void,
): Promise<string> {
  agree(ranks, facts);
  const { model, inputs, out, options } = settings;
  const names = () =>
    inputs.includes('-')
      ? ['-']
      : findFiles(model, inputs, out, options.gzip).files.map(({ input }) => input);
  requireSameFiles(ranks, allOrNone(ranks, names));
  const part = loadRankPart(ranks, model);
  const crew = new RankCrew(part);
  const shard = { number: ranks.rank + 1, count: ranks.size };
  const listener = { read: () => ranks.progressed(), line: () => {} };
  const ofRank = { ...settings, shard, crew, sharer: `${ranks.size} ranks` };
  const job = allOrNone(ranks, () => new TransformJob(ofRank, listener));
  const running = job.run().catch((error) => {
    // Files that fail are told at the end; what else fails ends the job, while others wait.
    if (job.failures.length === 0) throw error;
  });
  await Promise.all([running, crew.serve(options.form, running)]);
  if (job.failures.length > 0) job.forget();
  const report: RankReport = { counts: job.counts, failures: job.failures };
  const all = toldByAll(ranks, report);
  const files = ranks.rank === 0 ? joinParts(settings, ranks, all, tell) : 0;
  ranks.barrier();
  const sum = (of: 'records' | 'bad') => all.reduce((total, { counts }) => total + counts[of], 0);
  const { leftOut } = all[0].counts;
  return countsText({ files, records: sum('records'), bad: sum('bad'), before: 0, leftOut });
}

/**
 * Makes each output of its parts.
 * @returns how many files there are
 * @throws InputError where some have failed
 */
function joinParts(
  { model, inputs, out, options }: RankJobSettings,
  { size, hosts }: Ranks,
  reports: readonly RankReport[],
  tell: (text: string) => void,
): number {
  const { files } = findFiles(model, inputs, out, options.gzip);
  const parts = new Map<string, string[]>(files.map(({ input }) => [input, []]));
  const failures = new Map(
    reports.flatMap((report) => report.failures).map(({ output, message }) => [output, message]),
  );
  for (let number = 1; number <= size; number++) {
    const shard = { number, count: size };
    for (const own of ownFiles(findFiles(model, inputs, out, options.gzip, shard).files, options, shard)) {
      parts.get(own.input)!.push(own.output);
      if (failures.has(own.output) || statSync(own.output, { throwIfNoEntry: false })) continue;
      throw new InputError(
        `${own.output}: expected to see what rank ${number - 1} (${hosts[number - 1]}) has written, but it is not here. Name a folder with --out that all computers share.`,
      );
    }
  }
  const failed: string[] = [];
  for (const { input, output } of files) {
    const own = parts.get(input)!;
    const first = own.find((part) => failures.has(part));
    if (first === undefined) {
      joinFiles(own, output);
      tell(`${input} → ${output}`);
    } else {
      removeFiles(own);
      failed.push(failures.get(first)!);
    }
  }
  if (failed.length > 0)
    throw filesFailure(failed, files.length, 'Mend them, then give the same command again.');
  return files.length;
}

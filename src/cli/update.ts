import { statSync } from 'node:fs';
import { Command } from 'commander';
import { counted, grouped, InputError } from '../errors.ts';
import { AtomicFile } from '../files/atomicFile.ts';
import type { Model } from '../model/model.ts';
import { loadModel, saveModel } from '../model/savedModel.ts';
import { isManifest } from '../model/shards/shardedFiles.ts';
import { type UpdateSummary, updateModel } from '../model/updateModel.ts';
import { onBadLineOption, requireDifferentFiles } from './options.ts';
import { tellOfPlainKernels } from './progress.ts';
import { readEventFiles } from './readInput.ts';

interface UpdateFlags {
  out?: string;
  onBadLine: string;
}

/** `ip-insights update`: later events into the histories of a model. */
export function updateCommand(): Command {
  return new Command('update')
    .description('Add later honest events to the histories of a model, without training anew.')
    .argument('<model>', 'a model that `train` wrote; replaced, unless --out names another file')
    .argument('<events...>', 'CSV files entity,address[,time], gzip recognised, - for standard input')
    .option('--out <file>', 'where the changed model goes (default: in the place of the old one)')
    .option('--on-bad-line <what>', 'error: stop at a line that is no event; skip: count it', 'error')
    .action(async (path: string, files: string[], flags: UpdateFlags) => {
      const onBadLine = onBadLineOption(flags.onBadLine);
      const out = flags.out ?? path;
      requireDifferentFiles(files, [['--out', out]]);
      if (isManifest(path)) {
        throw new InputError(
          `${path}: expected a model in one file, got one in shards. Update the file of ip-insights merge, then split that.`,
        );
      }
      tellOfPlainKernels();
      // A place that cannot be written is said before the work.
      new AtomicFile(out).abandon();
      const started = performance.now();
      const before = stateOf(path);
      const model = loadModel(path);
      const { events } = await readEventFiles(files, { onBadLine });
      const { model: changed, summary } = updateModel(model, events, Date.now() / 1000);
      // Two updates at once would lose what the first one added.
      if (out === path && stateOf(path) !== before) {
        throw new InputError(
          `${path}: was changed while this update ran, so nothing was written. Run it again, one update at a time.`,
        );
      }
      const sizeBytes = saveModel(changed, out);
      const seconds = (performance.now() - started) / 1000;
      for (const line of summaryLines(changed, summary)) process.stderr.write(`${line}\n`);
      process.stderr.write(`${out}: ${(sizeBytes / 1e6).toFixed(1)} MB, in ${seconds.toFixed(1)} s\n`);
    });
}

/** Changes whenever a file is replaced. */
function stateOf(path: string): string {
  const state = statSync(path, { throwIfNoEntry: false, bigint: true });
  return state ? `${state.ino} ${state.mtimeNs} ${state.size}` : 'none';
}

function summaryLines({ card, seen }: Model, summary: UpdateSummary): string[] {
  const { added, newPlaces, untimed, newAccounts, older, ahead, unknownFamily } = summary;
  const lines = [
    `added: ${counted(added, 'event')}, ${grouped(newPlaces)} of them from ${newPlaces === 1 ? 'a place new to its account' : 'places new to their account'}; ${counted(newAccounts, 'new account')}`,
  ];
  if (older > 0)
    lines.push(
      `left out: ${counted(older, 'event')} not later than the model's last one, as it may have ${older === 1 ? 'it' : 'them'} already`,
    );
  if (ahead > 0)
    lines.push(`left out: ${counted(ahead, 'event')} more than a day ahead of this machine's clock`);
  if (unknownFamily > 0) {
    lines.push(
      `note: ${counted(unknownFamily, 'event')} of an address family that the vectors know nothing of; histories know it now`,
    );
  }
  if (untimed > 0) {
    lines.push(
      `note: ${counted(untimed, 'event')} without a time: given once more, ${untimed === 1 ? 'it' : 'they'} would be added once more`,
    );
  }
  const { eventsAdded, events } = card.data;
  lines.push(
    `lag: the vectors know nothing of ${counted(eventsAdded, 'event')} (${((100 * eventsAdded) / events).toFixed(1)} % of all) and of ${counted(seen.untrainedCount, 'account')}. Train anew when that grows.`,
  );
  return lines;
}

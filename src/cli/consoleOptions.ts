import { type Command, Option } from 'commander';
import { counted, grouped } from '../errors.ts';
import type { DeskOptions } from '../serve/console/desk.ts';
import type { LoadingListener } from '../serve/console/loadedEvents.ts';
import { readGroupTable } from './groupTables.ts';
import { integerOption } from './options.ts';
import { type Progress, startProgress } from './progress.ts';

/** What `console` and `serve --console` are told of the events to look at. */
export interface ConsoleFlags {
  events: string[];
  evaluation?: string;
  labels?: string;
  recent: string;
  asn: string[];
  country: string[];
}

const collect = (one: string, all: string[]) => [...all, one];

/** Adds the options that both commands have. */
export function withConsoleOptions(command: Command): Command {
  const many = (flags: string, meaning: string) =>
    new Option(flags, meaning)
      .argParser(collect as (one: string, all: unknown) => string[])
      .default([], 'none');
  return command
    .addOption(
      many(
        '--events <path>',
        'scored events to look at: lines of `score`, a folder of what `transform` wrote, or CSV events, which are scored now; may be given again',
      ),
    )
    .option('--evaluation <file>', 'figures that `evaluate --json` wrote: what each threshold would catch')
    .option(
      '--labels <file>',
      'keep the verdicts of people in this CSV file, as `evaluate --labelled` takes it',
    )
    .option('--recent <n>', 'so many of the events that this server answered can be looked at', '10000')
    .addOption(
      many(
        '--asn <file>',
        "name providers by this list or database; `packaged` for a free one (default: the model's own)",
      ),
    )
    .addOption(
      many('--country <file>', "name countries by this list or database (default: the model's own)"),
    );
}

/** @throws InputError where a table cannot be read, UsageError at a wrong number */
export function deskOptions(flags: ConsoleFlags): DeskOptions {
  const tables = (['asn', 'country'] as const)
    .filter((kind) => flags[kind].length > 0)
    .map((kind) => readGroupTable(flags[kind], kind, `--${kind}`).table);
  return {
    events: flags.events,
    evaluation: flags.evaluation,
    labels: flags.labels,
    recent: integerOption('--recent', flags.recent, 0, 100_000),
    tables,
    onLoading: flags.events.length > 0 ? loadingProgress() : undefined,
  };
}

/** Shows on stderr how far the events are read. */
function loadingProgress(): LoadingListener {
  let progress: Progress | undefined;
  return {
    progress(done, total) {
      progress ??= startProgress({ label: 'reading events', total: total / 1e6, unit: 'MB' });
      progress.update(done / 1e6);
    },
    ended({ names, events, skipped, skippedReasons }) {
      progress?.stop();
      const skips = skipped === 0 ? '' : `, ${grouped(skipped)} skipped`;
      process.stderr.write(`${names.join(', ')}: ${counted(events.count, 'event')}${skips}\n`);
      for (const reason of skippedReasons) process.stderr.write(`  ${reason}\n`);
    },
  };
}

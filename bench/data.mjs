// The data that benchmarks run on, made once by the commands that a user would type: AWS's tutorial, with 1, 3 or 10
// times its 10,000 accounts, and the worlds of quality/. In bench/.data, which git ignores: 1.2 GB for 1 ×, 12 GB while
// 10 × is made. Remove it after a change of `simulate` or `prepare`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SEED, SPLIT_AT, TUTORIAL } from './tutorial.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const DATA = join(root, 'bench/.data');
export const CLI = join(root, 'dist/cli/main.js');

/** `simulate` and `prepare` of a world, as one types them in the folder of its data. */
export function simulationCommands({ world, users, where = '', splitAt }) {
  return [
    [
      ...['simulate', ...(world ? ['--world', world] : []), '--users', String(users)],
      ...['--seed', String(SEED), '--out', 'web.log'],
    ],
    [
      ...['prepare', 'web.log', '--where', `request LIKE 'GET /login_success%' AND status = 200${where}`],
      ...['--split-at', splitAt, '--train', 'train.csv', '--test', 'test.csv'],
    ],
  ];
}

export const TUTORIAL_DATA = { users: 10_000, splitAt: SPLIT_AT };

/** Files of the tutorial with `times` its accounts. */
export function tutorialData(times) {
  const commands = simulationCommands({ ...TUTORIAL_DATA, users: TUTORIAL_DATA.users * times });
  // Of the larger ones only the events are needed.
  const path = makeFolder(`x${times}`, commands, times > 1 ? ['web.log'] : []);
  const at = (name) => join(path, name);
  return {
    log: at('web.log'),
    truth: at('web.log.truth.jsonl'),
    train: at('train.csv'),
    test: at('test.csv'),
    model: at('login.model'),
  };
}

/**
 * Runs commands of ours in a new folder of bench/.data, unless it is there: then they have run to their end.
 * @param unwanted files that are removed after them
 * @returns its path
 */
export function makeFolder(name, commands, unwanted = []) {
  const folder = join(DATA, name);
  if (existsSync(folder)) return folder;
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  for (const command of commands) run(command, making);
  for (const file of unwanted) rmSync(join(making, file));
  renameSync(making, folder);
  return folder;
}

/** The options of `ip-insights train` for the tutorial. */
export const TUTORIAL_OPTIONS = Object.entries(TUTORIAL).flatMap(([name, value]) => [
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  String(value),
]);

/** A model of the tutorial, trained for one epoch: scoring takes the same time whatever it has learned. */
export function tutorialModel(files, options = []) {
  const model = options.length === 0 ? files.model : `${files.model}${options.join('')}`;
  if (!existsSync(model)) {
    run(['train', files.train, '--model', model, ...TUTORIAL_OPTIONS, '--epochs', '1', ...options]);
  }
  return model;
}

/** Runs a command of ours; its messages go to stderr. */
export function run(args, cwd = process.cwd()) {
  const { status } = spawnSync(process.execPath, [CLI, ...args], { cwd, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    console.error(`bench: ip-insights ${args.join(' ')} failed; the lines above say why.`);
    process.exit(1);
  }
}

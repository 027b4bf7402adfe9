// The data that benchmarks run on, made once by the commands that a user would type: AWS's tutorial, with 1, 3 or 10
// times its 10,000 accounts. In bench/.data, which git ignores: 1.2 GB for 1 ×, 12 GB while 10 × is made.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SEED, SPLIT_AT, TUTORIAL } from './tutorial.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const DATA = join(root, 'bench/.data');
export const CLI = join(root, 'dist/cli/main.js');

/** Files of the tutorial with `times` its accounts. */
export function tutorialData(times) {
  const folder = join(DATA, `x${times}`);
  const at = (name) => join(folder, name);
  const files = {
    log: at('web.log'),
    truth: at('web.log.truth.jsonl'),
    train: at('train.csv'),
    test: at('test.csv'),
    model: at('login.model'),
  };
  if (!existsSync(files.test)) {
    const making = `${folder}.making`;
    rmSync(making, { recursive: true, force: true });
    mkdirSync(making, { recursive: true });
    const inMaking = (path) => path.replace(folder, making);
    const users = String(10_000 * times);
    run(['simulate', '--users', users, '--seed', String(SEED), '--out', inMaking(files.log)]);
    run([
      ...['prepare', inMaking(files.log)],
      ...['--where', "request LIKE 'GET /login_success%' AND status = 200", '--split-at', SPLIT_AT],
      ...['--train', inMaking(files.train), '--test', inMaking(files.test)],
    ]);
    // Of the larger ones only the events are needed.
    if (times > 1) rmSync(inMaking(files.log));
    rmSync(folder, { recursive: true, force: true });
    renameSync(making, folder);
  }
  return files;
}

/** The options of `ip-insights train` for the tutorial. */
export const TUTORIAL_OPTIONS = Object.entries(TUTORIAL).flatMap(([name, value]) => [
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  String(value),
]);

/** A model of the tutorial, trained for one epoch: scoring takes the same time whatever it has learned. */
export function tutorialModel(files) {
  if (!existsSync(files.model)) {
    run(['train', files.train, '--model', files.model, ...TUTORIAL_OPTIONS, '--epochs', '1']);
  }
  return files.model;
}

/** Runs a command of ours; its messages go to stderr. */
export function run(args) {
  const { status } = spawnSync(process.execPath, [CLI, ...args], { stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    console.error(`bench: ip-insights ${args.join(' ')} failed; the lines above say why.`);
    process.exit(1);
  }
}

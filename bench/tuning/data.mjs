// node bench/tuning/data.mjs [NAME …]
// What `tune` finds on whole data, as Markdown: validation and test figures of the best and of the defaults, and what early
// stopping has saved and lost where every setting that was tried is trained to its end (not on the tutorial, where that takes
// an hour). Without names all of it: about half an hour on two idle cores. Needs the compiled library: npm run setup.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../data.mjs';
import { SCENARIOS } from '../quality/scenarios.mjs';
import { parts } from './parts.mjs';

/** Name of the data: what is searched, and how much. All with one trial at a time, so that they can be made again. */
const SEARCHES = {
  providers: { objective: 'swap_auc', trials: 40, options: [], whole: true },
  'tor-relays': { objective: 'new_swap_auc', trials: 40, options: [], whole: true },
  tutorial: { objective: 'swap_auc', trials: 6, options: ['--epochs', '5'], whole: false },
  'tutorial-vector-dim': {
    data: 'tutorial',
    objective: 'discriminator_auc',
    trials: 6,
    options: [
      ...['--range', 'vector_dim=64:1024', '--range', 'epochs=1:5', '--num-entity-vectors', '20000'],
      ...['--random-negative-sampling-rate', '5', '--mini-batch-size', '1000', '--learning-rate', '0.01'],
    ],
    whole: false,
  },
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in SEARCHES));
if (unknown !== undefined) {
  console.error(`bench/tuning/data.mjs: expected ${Object.keys(SEARCHES).join(', ')}, got ${unknown}.`);
  process.exit(2);
}
for (const [name, search] of Object.entries(SEARCHES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  await report(name, search);
}

async function report(name, { data = name, objective, trials, options, whole }) {
  const scenario = SCENARIOS[data];
  const folder = scenario.folder();
  if (folder === undefined) {
    console.log(`${name}: not run, ${scenario.whatToDo}\n`);
    return;
  }
  const [train, valid, test] = await parts(data, folder);
  const json = `${name}.tuning.json`;
  // Every run is a whole search.
  rmSync(join(folder, `${name}.best.model.tuning.jsonl`), { force: true });
  run(
    [
      ...['tune', train, '--validation', valid, '--test', test, '--model', `${name}.best.model`],
      ...[
        '--objective',
        objective,
        '--max-trials',
        String(trials),
        '--workers',
        '1',
        '--json',
        json,
        ...options,
      ],
    ],
    folder,
  );
  const { best, counts, judged } = JSON.parse(readFileSync(join(folder, json), 'utf8'));
  console.log(
    `### ${name}: ${objective}, ${counts.trials} trials, ${counts.epochs_trained} of ${counts.epochs_whole} epochs, ${Math.round(counts.seconds)} s\n`,
  );
  console.log(`Best: trial ${best.trial}, ${JSON.stringify(best.hyperparameters)}\n`);
  const names = judged[0].objectives.map((one) => one.name);
  console.log(
    `| model | detector | on | ${names.join(' | ')} |\n| ${['---', ...names, '---', '---'].map(() => '---').join(' | ')} |`,
  );
  for (const { model, detector, data: on, objectives } of judged) {
    console.log(
      `| ${model} | ${detector} | ${on} | ${objectives.map(({ value }) => value.toFixed(4)).join(' | ')} |`,
    );
  }
  if (whole)
    console.log(
      `\nEvery setting trained to its end: ${fullTraining(join(folder, json), join(folder, train), join(folder, valid))}`,
    );
  console.log('');
}

function fullTraining(...args) {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'fullTraining.mjs');
  const { stdout, status } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 2],
  });
  if (status !== 0) process.exit(1);
  const { bestOfAll, bestOfSearch, shareOfTime, secondsOfAll } = JSON.parse(stdout);
  return `best ${bestOfAll.toFixed(6)} (the search: ${bestOfSearch.toFixed(6)}); early stopping took ${(shareOfTime * 100).toFixed(0)} % of the ${Math.round(secondsOfAll)} s`;
}

// node bench/quality/run.mjs [SCENARIO …] [--last] [--record] [--all]
// How good the default score is: data, model and figures of every permanent scenario by the commands that a user would
// type, then its checks. Markdown on stdout, what happens on stderr. Exit code 1 where a figure is worse than recorded, or
// a goal that was reached is missed. Four minutes, 2.2 GB of disk, no programs but Node.
//   --last     judges the figures of the last run instead: for a change of goals
//   --record   records these figures: for a change that is meant
//   --all      lists all checks
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readEventFiles } from '../../dist/cli/readInput.js';
import { run } from '../data.mjs';
import { machine } from '../rounds.mjs';
import { checksOf, fails, lawOf, recordOf } from './checks.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { calibrationTable, checkList, figureTable, summary } from './tables.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options, positionals: asked } = readArguments();
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8' }).stdout;
const stamp = `${new Date().toISOString().slice(0, 10)}, commit ${commit.trim()}, ${machine()}`;

console.log(`${stamp}\n`);
const results = [];
const notRun = [];
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const folder = scenario.folder();
  if (folder === undefined) {
    console.error(`bench: ${name} is not run: ${scenario.whatToDo}`);
    notRun.push({ name, whatToDo: scenario.whatToDo });
    continue;
  }
  const metrics = metricsOf(name, scenario, folder);
  if (options.record) record(name, recordOf(checksOf(name, metrics)));
  const checks = checksOf(name, metrics, recorded(name));
  results.push({ name, checks });
  await tell(name, scenario, folder, metrics, checks);
}
console.log(`### Summary\n\n${summary(results, notRun)}`);
const law = lawOf(results.flatMap(({ checks }) => checks));
// Of one scenario it says little.
let isBad = asked.length === 0 && law.above * 2 <= law.of;
if (isBad)
  console.error(`bench: the mixture is above the better of its parts for ${law.above} of ${law.of} only`);
if (notRun.some(({ name }) => asked.includes(name))) isBad = true;
for (const { name, checks } of results) {
  for (const check of checks.filter(fails)) {
    isBad = true;
    console.error(`bench: ${name}: ${check.status}: ${check.name}`);
  }
}
process.exitCode = isBad ? 1 : 0;

function readArguments() {
  const boolean = { type: 'boolean', default: false };
  let read;
  try {
    read = parseArgs({
      allowPositionals: true,
      options: { last: boolean, record: boolean, all: boolean },
    });
  } catch (error) {
    stop(2, error.message);
  }
  const unknown = read.positionals.find((name) => !Object.hasOwn(SCENARIOS, name));
  if (unknown !== undefined) stop(2, `expected ${Object.keys(SCENARIOS).join(', ')}, got ${unknown}.`);
  return read;
}

function stop(code, sentence) {
  console.error(`bench: ${sentence}`);
  process.exit(code);
}

function metricsOf(name, scenario, folder) {
  const file = join(folder, scenario.metrics);
  if (!options.last) {
    console.error(`# ${name}: training`);
    run(scenario.train, folder);
    console.error(`# ${name}: judging`);
    run(scenario.evaluate, folder);
  } else if (!existsSync(file)) stop(1, `--last: there is no ${file}. Run ${name} without it.`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

function recorded(name) {
  const file = recordFile(name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function record(name, values) {
  mkdirSync(join(here, 'recorded'), { recursive: true });
  writeFileSync(recordFile(name), `${JSON.stringify({ when: stamp, ...values }, undefined, 2)}\n`);
}

function recordFile(name) {
  return join(here, 'recorded', `${name}.json`);
}

async function tell(name, scenario, folder, metrics, checks) {
  const { accounts, events, underTen } = await population(join(folder, scenario.training));
  const commands = [...scenario.data, scenario.train, scenario.evaluate];
  const lines = commands.map((args) => ['ip-insights', ...args.map(quoted)].join(' '));
  console.log(`### ${name}: ${scenario.about}\n`);
  console.log(`\`\`\`sh\n${lines.join('\n')}\n\`\`\`\n`);
  console.log(
    `${accounts.toLocaleString('en-US')} accounts, ${events.toLocaleString('en-US')} training events; ${(100 * underTen).toFixed(0)} % of the accounts have fewer than 10.\n`,
  );
  const tables = [
    figureTable(name, metrics, checks),
    calibrationTable(metrics),
    checkList(checks, { isAll: options.all }),
  ];
  console.log(`${tables.filter((table) => table !== undefined).join('\n\n')}\n`);
}

/** How many accounts, and which share of them has fewer than ten training events. */
async function population(path) {
  const { events } = await readEventFiles([path], { onBadLine: 'error' });
  const counts = new Map();
  for (let i = 0; i < events.count; i++)
    counts.set(events.entity[i], (counts.get(events.entity[i]) ?? 0) + 1);
  const sparse = [...counts.values()].filter((count) => count < 10).length;
  return { accounts: counts.size, events: events.count, underTen: sparse / counts.size };
}

function quoted(argument) {
  return /^[\w./:-]+$/.test(argument) ? argument : `"${argument}"`;
}

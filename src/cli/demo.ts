import { spawn } from 'node:child_process';
import { createReadStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { Command } from 'commander';
import { formatAddress } from '../addresses/address.ts';
import type { RangeTable } from '../addresses/ranges.ts';
import { counted, grouped, InputError } from '../errors.ts';
import { writeFailure, writeFileAtomic } from '../files/atomicFile.ts';
import { PURPOSE, RandomStream } from '../random/philox.ts';
import { integerOption } from './options.ts';
import { readRangeList } from './rangeLists.ts';

/** Attacks hidden among the last day's logins. */
const HIDDEN_ATTACKS = 100;

/** AWS's tutorial: its hyperparameters and its dates. */
const HYPERPARAMETERS = [
  '--num-entity-vectors=20000',
  '--random-negative-sampling-rate=5',
  '--shuffled-negative-sampling-rate=1',
  '--vector-dim=128',
  '--mini-batch-size=1000',
  '--epochs=5',
  '--learning-rate=0.01',
];
const SPLIT_AT = '2018-11-11';
const LAST_DAY = '2018-11-13';
const MAX_FALSE_POSITIVE_RATE = 0.04;

/** `ip-insights demo`: the whole tutorial, each step by the command that a user would type. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('All of the tutorial in one command: simulate, prepare, train, evaluate, flag.')
    .option('--out <folder>', 'folder for everything that is made', 'demo')
    .option('--users <n>', 'number of accounts; fewer are quicker', '10000')
    .option('--seed <n>', 'fixes every drawn number', '1')
    .option('--ranges <file>', 'announced IPv4 ranges (default: that of @ip-location-db/asn)')
    .action(demo);
}

interface DemoFlags {
  out: string;
  users: string;
  seed: string;
  ranges?: string;
}

async function demo(flags: DemoFlags): Promise<void> {
  const users = integerOption('--users', flags.users, 2, 1_000_000);
  const seed = integerOption('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER);
  const started = performance.now();
  try {
    mkdirSync(flags.out, { recursive: true });
  } catch (error) {
    throw writeFailure(flags.out, error);
  }
  const at = (name: string) => join(flags.out, name);
  const ranges = flags.ranges === undefined ? [] : ['--ranges', flags.ranges];
  const log = at('web.log');
  const model = at('login.model');

  await step('1. An access log: ten days of logins, as a web server writes them', [
    ...['simulate', '--users', String(users), '--seed', String(seed), '--out', log],
    ...ranges,
  ]);
  await step('2. From log lines to events: seven days to learn from, three to judge by', [
    ...['prepare', log, '--where', "request LIKE 'GET /login_success%' AND status = 200"],
    ...['--split-at', SPLIT_AT, '--train', at('train.csv'), '--test', at('test.csv')],
  ]);
  await step('3. Learning which networks each account uses', [
    ...['train', at('train.csv'), '--model', model, '--seed', String(seed)],
    ...HYPERPARAMETERS,
  ]);
  await step('4. How good is it? Honest later logins against simulated attacks', [
    ...[
      'evaluate',
      model,
      '--train',
      at('train.csv'),
      '--test',
      at('test.csv'),
      '--truth',
      `${log}.truth.jsonl`,
    ],
    ...[
      '--max-fpr',
      String(MAX_FALSE_POSITIVE_RATE),
      '--report',
      at('report.html'),
      '--json',
      at('metrics.json'),
    ],
    ...ranges,
  ]);
  const incoming = await hideAttacks(
    at('test.csv'),
    at('last-day.csv'),
    readRangeList(flags.ranges, 'ipv4', '--ranges').ranges,
    seed,
  );
  const threshold = readThreshold(at('metrics.json'));
  await step(
    `5. Flagging: the last day's logins, with ${counted(incoming.attacks.size, 'attack')} hidden among them`,
    [
      ...['score', model, at('last-day.csv'), '--threshold', String(threshold), '--only-flagged'],
      ...['--out', at('flagged.jsonl')],
    ],
  );
  const found = await countFlagged(at('flagged.jsonl'), incoming.attacks);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const seconds = (performance.now() - started) / 1000;
  process.stderr.write(
    [
      '',
      styleText('bold', `Done in ${seconds.toFixed(0)} s.`),
      `Of ${counted(incoming.attacks.size, 'hidden attack')}, ${found.attacks} were flagged. Of ${counted(incoming.honest, 'honest login')}, ${grouped(found.honest)} were flagged too (${percent(found.honest / incoming.honest)}):`,
      'people who travel look like attackers by their address alone, which is why a flag asks for a second factor',
      'and does not lock an account.',
      '',
      'Open next:',
      `  ${at('report.html')}    how good the model is, which threshold costs what, and the strangest logins`,
      `  ${at('flagged.jsonl')}  the flagged logins of the last day, one JSON object a line`,
      `  ip-insights console ${model} --events ${at('flagged.jsonl')} --evaluation ${at('metrics.json')}    all of it in a browser`,
      `  ip-insights score ${model} your-logins.csv    to score logins of your own`,
      '',
    ].join('\n'),
  );
}

/** Runs one command in a process of its own, as a shell would, showing how it was called. */
async function step(title: string, args: string[]): Promise<void> {
  const shown = args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `"${arg}"`)).join(' ');
  process.stderr.write(`\n${styleText('bold', title)}\n${styleText('dim', `$ ip-insights ${shown}`)}\n`);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit, signal) => resolve(exit ?? signal ?? 1));
  });
  if (code !== 0) {
    throw new InputError(`demo: the step "${args[0]}" ended with ${code}; the lines above say why.`);
  }
}

/** Copies the last day of the test events and puts attacks among them: an account of that day, an address of any announced range. */
async function hideAttacks(
  test: string,
  out: string,
  ranges: RangeTable,
  seed: number,
): Promise<{ honest: number; attacks: Set<string> }> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(test) })) {
    if (line.includes(`,${LAST_DAY}`)) lines.push(line);
  }
  const random = new RandomStream(seed, PURPOSE.attackers, 1);
  const attacks = new Set<string>();
  const words = new Uint32Array(4);
  const honest = lines.length;
  while (attacks.size < Math.min(HIDDEN_ATTACKS, honest)) {
    const [entity, , time] = lines[random.below(honest)].split(',');
    const range = random.below(ranges.count);
    for (let word = 0; word < 4; word++) words[word] = ranges.firsts[range * 4 + word];
    words[3] += random.below(ranges.sizes[range]);
    const address = formatAddress(words);
    attacks.add(`${entity},${address}`);
    lines.push(`${entity},${address},${time}`);
  }
  lines.sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1));
  writeFileAtomic(out, `${lines.join('\n')}\n`);
  return { honest, attacks };
}

const timeOf = (line: string) => line.slice(line.lastIndexOf(',') + 1);

function readThreshold(metrics: string): number {
  return JSON.parse(readFileSync(metrics, 'utf8')).threshold;
}

async function countFlagged(
  path: string,
  attacks: Set<string>,
): Promise<{ honest: number; attacks: number }> {
  const found = { honest: 0, attacks: 0 };
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const { entity, address } = JSON.parse(line) as { entity: string; address: string };
    if (attacks.has(`${entity},${address}`)) found.attacks++;
    else found.honest++;
  }
  return found;
}

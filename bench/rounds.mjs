// Runs commands in turns, each time in a fresh process, and tells medians, minima and all rounds.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

/** Longer than any round should take. */
const TIMEOUT_MILLISECONDS = 60 * 60 * 1000;

/**
 * @param variants each a name and a command that prints one JSON object on stdout
 * @param rounds   how often each runs; the order turns round from round to round, so that none always comes first
 * @returns for each variant its parsed outputs, in order of the rounds
 */
export function inTurns(variants, rounds) {
  const outputs = new Map(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? variants : [...variants].reverse();
    for (const variant of order) {
      if (round >= (variant.rounds ?? rounds)) continue;
      console.error(`# round ${round + 1} of ${rounds}: ${variant.name}`);
      outputs.get(variant.name).push(runJson(variant));
    }
  }
  return outputs;
}

/** One run; its peak memory and wall time are added to what it prints. */
export function runJson({ name, command }) {
  const started = performance.now();
  const [program, ...args] = command;
  const timed = ['-f', '%M', program, ...args];
  const { status, stdout, stderr, error } = spawnSync('/usr/bin/time', timed, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: TIMEOUT_MILLISECONDS,
  });
  if (error?.code === 'ENOENT')
    fail(name, 'expected /usr/bin/time, found none. Install it: apt-get install time.');
  if (error || status !== 0) fail(name, `${command.join(' ')}\n${stdout}${stderr}${error ?? ''}`);
  const lines = stderr.trimEnd().split('\n');
  const last = stdout.trimEnd().split('\n').at(-1);
  let printed;
  try {
    printed = JSON.parse(last);
  } catch {
    fail(name, `expected a JSON object on its last line, got ${last}`);
  }
  return {
    ...printed,
    peakMegabytes: Number(lines.at(-1)) / 1000,
    wallSeconds: (performance.now() - started) / 1000,
    messages: lines.slice(0, -1),
  };
}

function fail(name, why) {
  console.error(`bench: ${name} failed: ${why}`);
  process.exit(1);
}

/** What the first of several ranks prints last, as JSON, or one process alone. @param node arguments of Node's */
export function runRanksJson(ranks, node) {
  const options = ['-q', '--allow-run-as-root', '--oversubscribe', '--bind-to', 'none', '-np', String(ranks)];
  const own = [process.execPath, ...node];
  const [command, ...args] = ranks === 1 ? own : ['mpirun', ...options, ...own];
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 2] });
  if (status !== 0) fail(`${ranks} ranks`, `${command} ${args.join(' ')}: exit code ${status}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `Node 20.20.2, AMD EPYC, 2 cores` */
export const machine = () =>
  `Node ${process.versions.node}, ${cpus()[0].model.trim()}, ${cpus().length} cores`;

// `npm test`: all the set-up, then lint, types and every test, on every supported Node version.
//   --this-node-only   the tests on the running Node only
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first and all later even majors, which are those with long-term support. */
const SUPPORTED = [20, 22, 24];
/** A test, or a file of them, that takes longer hangs. */
const TIMEOUT_MILLISECONDS = 10 * 60 * 1000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const flags = process.argv.slice(2);
const unknown = flags.find((flag) => flag !== '--this-node-only');
if (unknown !== undefined) fail(`expected --this-node-only or nothing, got ${unknown}.`);
const started = Date.now();
const onTerminal = process.stdout.isTTY === true;

step('set-up', process.execPath, ['scripts/setup.mjs']);
step('system packages', process.execPath, ['scripts/systemPackages.mjs']);
// The build of the set-up has checked all types, those of the tests included.
const biome = ['node_modules/@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '.'];
step('lint and format', process.execPath, onTerminal ? biome : [...biome, '--colors=off']);

const compiled = testsIn('dist', '.test.js');
if (compiled.length === 0) fail('no compiled tests found in dist/.');
const tests = [...compiled, ...testsIn('bench', '.test.mjs')];
const running = Number(process.versions.node.split('.')[0]);
const others = flags.includes('--this-node-only') ? [] : SUPPORTED.filter((major) => major !== running);
// Fetched before anything is run, so that a missing one is known in seconds.
const nodes = [process.execPath, ...others.map(nodeBinary)];
const results = nodes.map(runTests);

const last = results.map(({ version, tests, pass }) => `${version}: ${pass} of ${tests}`).join(', ');
// Once more at the end, where a long log is looked at first, and is least likely to be cut off.
for (const { version, failures } of results) {
  for (const failure of failures) console.log(`\n# failed on Node ${version}\n${failure}`);
}
const seconds = Math.round((Date.now() - started) / 1000);
const bad = results.filter(({ ok }) => !ok);
const only = flags.includes('--this-node-only') ? ' (this Node only)' : '';
console.log(
  `\n${bad.length === 0 ? 'PASS' : 'FAIL'}: lint and types clean; tests passed on Node ${last}${only}; ${seconds} s`,
);
process.exit(bad.length === 0 ? 0 : 1);

function step(title, command, args) {
  console.log(`# ${title}`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (error) fail(`${title}: cannot start ${command}: ${error.message}`);
  if (status !== 0) fail(`${title}: failed; the lines above say why.`);
}

function fail(sentence) {
  console.error(`npm test: ${sentence}`);
  process.exit(1);
}

/** Node 20 knows no patterns after --test, and would take every file of a folder called test for one. */
function testsIn(folder, ending) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))
    .sort();
}

/** The newest Node of a major version, from npm's packages of its binaries; kept in .nodes/. */
function nodeBinary(major) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const folder = join(root, '.nodes', String(major));
  const binary = join(
    folder,
    'node_modules',
    name,
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (!existsSync(binary)) {
    console.log(`# fetching Node ${major}`);
    mkdirSync(folder, { recursive: true });
    const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
    const { status } = spawnSync('npm', [...args, `${name}@${major}`], { cwd: root, stdio: 'inherit' });
    if (status !== 0 || !existsSync(binary)) {
      fail(
        `Node ${major} could not be fetched (npm package ${name}@${major}). Check the network, or test the running Node alone: npm test -- --this-node-only`,
      );
    }
  }
  const { stdout, error } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  if (error || !stdout.startsWith(`v${major}.`)) {
    fail(
      `${binary} does not run as Node ${major} here. Remove .nodes/ and try again, or use --this-node-only.`,
    );
  }
  return binary;
}

/** Runs every test; besides what is shown, TAP goes to a file, for the counts. */
function runTests(node) {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1);
  console.log(`# tests on Node ${version}`);
  const folder = mkdtempSync(join(tmpdir(), 'ip-insights-test-'));
  const tap = join(folder, 'results.tap');
  const options = [
    `--test-timeout=${TIMEOUT_MILLISECONDS}`,
    // Node leaves one core for itself, but most tests wait for processes that they have started: one file
    // more than there are cores keeps the cores busy.
    `--test-concurrency=${availableParallelism() + 1}`,
    `--test-reporter=${onTerminal ? 'spec' : 'tap'}`,
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
  ];
  // Hundreds of processes load the same modules: from Node 22.1 on, what one has compiled serves the next.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') };
  const { status } = spawnSync(node, ['--test', ...options, ...tests], { cwd: root, env, stdio: 'inherit' });
  const text = existsSync(tap) ? readFileSync(tap, 'utf8') : '';
  // A process that ends last may still be writing what it has compiled.
  rmSync(folder, { recursive: true, maxRetries: 5 });
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  const [all, pass] = [count('tests'), count('pass')];
  // A test that is skipped, cancelled or left for later has not passed.
  return {
    version,
    tests: all,
    pass,
    ok: status === 0 && all > 0 && pass === all,
    failures: failuresIn(text),
  };
}

/** Each line of a TAP stream that says `not ok`, with the block of details below it. */
function failuresIn(tapText) {
  return tapText.match(/^ *not ok .*(\n *---\n(?:.*\n)*? *\.\.\.$)?/gm) ?? [];
}

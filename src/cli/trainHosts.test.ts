/** `mpirun … ip-insights train` over two hosts with networks of their own, one of which is frozen, cut off or gone. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeHosts } from '../mpi/sampleHosts.ts';
import { plainEnvironment } from '../mpi/sampleRanks.ts';
import { sampleLogins } from './sampleLogins.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'train-hosts-'));
const hosts = await makeHosts(['node-1', 'node-2'], folder);
const [here, there] = hosts;
after(() => {
  for (const host of hosts) host.end();
  rmSync(folder, { recursive: true });
});
const at = (name: string) => join(folder, name);

writeFileSync(at('train.csv'), sampleLogins(6000, 1));
/** The remote agent of mpirun, in place of ssh: HOST COMMAND… */
const agent = at('agent.sh');
writeFileSync(agent, `#!/bin/sh\nshift\nexec ${there.inside('sh', '-c').join(' ')} "$*"\n`, { mode: 0o755 });

const OPTIONS = ['--vector-dim', '8', '--epochs', '8', '--mini-batch-size', '200', '--learning-rate', '0.05'];
const NETWORK = [
  ...['--mca', 'oob_tcp_if_include', 'eth0', '--mca', 'btl_tcp_if_include', 'eth0'],
  // As docs/ranks.md has it, with shorter times.
  ...['--mca', 'oob_tcp_keepalive_time', '2', '--mca', 'oob_tcp_keepalive_intvl', '1'],
  ...['--mca', 'oob_tcp_keepalive_probes', '2'],
];

interface Job {
  /** 1: without a launcher */
  ranks: 1 | 2;
  flags: string[];
  /** what happens once the job has said something */
  strike?: { when: RegExp; what: () => void };
}

async function train({ ranks, flags, strike }: Job) {
  const mpirun = ['mpirun', '-q', '--allow-run-as-root', '-np', '2', '--host', 'node-1:1,node-2:1'];
  const launcher = [...mpirun, '--map-by', 'node', '--mca', 'plm_rsh_agent', agent, ...NETWORK];
  const command = [process.execPath, main, 'train', at('train.csv'), ...OPTIONS, ...flags];
  const [program, ...args] = here.inside(...(ranks === 1 ? [] : launcher), ...command);
  const child = spawn(program, args, {
    env: plainEnvironment({ IP_INSIGHTS_MPI_SILENT_SECONDS: '4' }),
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 120_000,
  });
  let stderr = '';
  let isStruck = strike === undefined;
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    if (isStruck || !strike?.when.test(stderr)) return;
    isStruck = true;
    strike.what();
  });
  const [status] = await once(child, 'close');
  assert.ok(isStruck, stderr);
  return { status, stderr, told: stderr.split('\n').filter((line) => /^rank \d+ \(/.test(line)) };
}

const whole = await train({ ranks: 1, flags: ['--model', at('whole.model')] });
assert.equal(whole.status, 0, whole.stderr);
const wholeModel = readFileSync(at('whole.model'));

test('two hosts learn the model of one process, byte for byte', async () => {
  const { status, stderr } = await train({ ranks: 2, flags: ['--model', at('two.model')] });
  assert.equal(status, 0, stderr);
  assert.deepEqual(readFileSync(at('two.model')), wholeModel);
});

const SILENT =
  'rank 0 \\(node-1\\): rank 0 \\(node-1\\) waits in \\w+ \\(operation \\d+\\) for rank 1 \\(node-2\\), of which nothing was heard for \\d s: it is stopped, or its computer or the network is gone\\.';

/** All that runs on a host stops: its rank, and the daemon of mpirun. */
test('a host is frozen: a rank of the other one names it and the checkpoint, mpirun ends, and the same command goes on', async () => {
  const flags = ['--model', at('frozen.model'), '--checkpoint', at('frozen')];
  const strike = { when: /training\.checkpoint: .* written/, what: () => there.signal('SIGSTOP') };
  const { status, told, stderr } = await train({ ranks: 2, flags, strike });
  there.signal('SIGKILL');
  assert.equal(told.length, 1, stderr);
  assert.match(
    told[0],
    new RegExp(
      `^${SILENT} Continue from ${folder}/frozen/training\\.checkpoint: run the same command again, with any number of ranks\\.$`,
    ),
  );
  assert.notEqual(status, 0);
  const again = await train({ ranks: 2, flags });
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /^.*frozen\/training\.checkpoint: going on after \d+ epochs?/m);
  assert.deepEqual(readFileSync(at('frozen.model')), wholeModel);
});

test('a host is killed with all that it runs: the job ends at once, and one process goes on from its checkpoint', async () => {
  const flags = ['--model', at('killed.model'), '--checkpoint', at('killed')];
  const strike = { when: /fit\.checkpoint: .* written/, what: () => there.signal('SIGKILL') };
  const { status, stderr } = await train({ ranks: 2, flags, strike });
  assert.notEqual(status, 0, stderr);
  const again = await train({ ranks: 1, flags });
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /^.*killed\/fit\.checkpoint: going on after \d+ epochs?/m);
  assert.deepEqual(readFileSync(at('killed.model')), wholeModel);
});

/** The last one: nobody plugs it in again. */
test('the network is cut: a rank of the first host names the other one, and the job ends on both', async () => {
  const flags = ['--model', at('cut.model'), '--checkpoint', at('cut')];
  const strike = { when: /fit\.checkpoint: .* written/, what: () => there.unplug() };
  const { status, told, stderr } = await train({ ranks: 2, flags, strike });
  assert.equal(told.length, 1, stderr);
  assert.match(
    told[0],
    new RegExp(
      `^${SILENT} Continue from ${folder}/cut/fit\\.checkpoint: run the same command again, with any number of ranks\\.$`,
    ),
  );
  assert.notEqual(status, 0);
  const until = performance.now() + 60_000;
  while (there.processes().length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.deepEqual(there.processes(), []);
});

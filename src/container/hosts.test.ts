/** Jobs of two hosts, as SageMaker starts them: the entry point as process 1 on each, on networks of their own with a cable between. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sampleLogins } from '../cli/sampleLogins.ts';
import { childOf, makeHosts, type SampleHost } from '../mpi/sampleHosts.ts';
import { plainEnvironment } from '../mpi/sampleRanks.ts';
import {
  CSV_CHANNEL,
  heard,
  layOut,
  MAIN,
  namesIn,
  type Outcome,
  outcomeOf,
  QUICK,
  readText,
  type SampleJob,
  train,
} from './sampleJob.ts';

const root = mkdtempSync(join(tmpdir(), 'ip-insights-hosts-'));
const hosts = await makeHosts(['algo-1', 'algo-2'], root);
after(() => {
  for (const host of hosts) host.end();
  rmSync(root, { recursive: true });
});
const NAMES = hosts.map(({ name }) => name);

const LINES = sampleLogins(4000, 1).trimEnd().split('\n');
const part = (from: number, to: number, head = '') => `${head}${LINES.slice(from, to).join('\n')}\n`;
/** In another order than they are cut, with a folder, and with a header row. */
const FILES: Record<string, string> = {
  'train/a.csv': part(0, 1500),
  'train/a/z.csv': part(1500, 1700),
  'train/b.csv': part(1700, 2900, 'user,ip,time\n'),
  'train/c.csv': `${part(2900, 4000)}user_1,10.0.0.1,4102444800\n`,
  'validation/l.csv': sampleLogins(300, 4),
  'validation/m.csv': sampleLogins(200, 5),
};
const some = (...names: string[]) => Object.fromEntries(names.map((name) => [name, FILES[name]]));

const job = (data: SampleJob['data'], S3DistributionType = 'FullyReplicated'): SampleJob => {
  const channel = { ...CSV_CHANNEL, S3DistributionType };
  return {
    hyperparameters: { ...QUICK, epochs: '3' },
    inputDataConfig: { train: channel, validation: channel },
    data,
  };
};

let count = 0;
/** What each host gets, and the folders that stand for its /opt/ml. */
function layOutBoth(jobs: [SampleJob, SampleJob], more: { checkpoints?: boolean } = {}): string[] {
  return jobs.map((one, i) => {
    const folder = join(root, `ml${count++}`);
    const resourceConfig = { current_host: NAMES[i], hosts: NAMES, network_interface_name: 'eth0' };
    layOut(folder, { resourceConfig, ...one });
    if (more.checkpoints) mkdirSync(join(folder, 'checkpoints'));
    return folder;
  });
}

function start(host: SampleHost, folder: string, variables: NodeJS.ProcessEnv = {}): ChildProcess {
  const [command, ...args] = host.contained(process.execPath, MAIN, 'train');
  // Hosts that are killed leave their keys there.
  const env = plainEnvironment({ IP_INSIGHTS_OPT_ML: folder, TMPDIR: root, ...variables });
  return spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** nsenter becomes unshare, whose child is process 1. */
const signal = (child: ChildProcess, name: NodeJS.Signals) => process.kill(childOf(child.pid!), name);

async function trainBoth(folders: string[], variables?: NodeJS.ProcessEnv): Promise<Outcome[]> {
  return Promise.all(hosts.map((host, i) => outcomeOf(start(host, folders[i], variables))));
}

const modelOf = (folder: string) => readFileSync(join(folder, 'model/ip-insights.model'));

const alone = join(root, 'alone');
layOut(alone, job(FILES));
const aloneOutcome = await train(alone);
assert.equal(aloneOutcome.status, 0, aloneOutcome.stderr);

/** Without times and rates. */
const steady = (stdout: string) => stdout.replace(/(Speed: |throughput=)[\d.]+/g, '$1N');

const SHARED: [name: string, jobs: [SampleJob, SampleJob]][] = [
  ['FullyReplicated', [job(FILES), job(FILES)]],
  [
    'ShardedByS3Key',
    [
      job(some('train/a.csv', 'train/b.csv', 'validation/m.csv'), 'ShardedByS3Key'),
      job(some('train/a/z.csv', 'train/c.csv', 'validation/l.csv'), 'ShardedByS3Key'),
    ],
  ],
  ['ShardedByS3Key, all files on the second host', [job({}, 'ShardedByS3Key'), job(FILES, 'ShardedByS3Key')]],
];

for (const [name, jobs] of SHARED) {
  test(`two hosts learn the model of one, byte for byte, which the first host alone writes: ${name}`, async () => {
    const folders = layOutBoth(jobs);
    const [first, second] = await trainBoth(folders);
    assert.deepEqual([first.status, second.status], [0, 0], first.stderr + second.stderr);
    assert.deepEqual(modelOf(folders[0]), modelOf(alone));
    assert.equal(
      readText(folders[0], 'output/data/training.json'),
      readText(alone, 'output/data/training.json'),
    );
    assert.equal(steady(first.stdout), steady(aloneOutcome.stdout));
    assert.equal(second.stdout, '');
    assert.deepEqual(namesIn(folders[1], 'model'), []);
    for (const folder of folders)
      assert.deepEqual(
        namesIn(folder, 'output').filter((one) => one !== 'data'),
        [],
      );
  });
}

test('the log of the first host says who takes part and how the files are shared', async () => {
  const [first, second] = await trainBoth(layOutBoth(SHARED[1][1]));
  assert.match(first.stderr, /^2 hosts: algo-1, algo-2; waiting for the others$/m);
  assert.match(first.stderr, /^channel train: 4 files \(2 hosts, each on one of them\)$/m);
  assert.match(
    first.stderr,
    /^channel train: 4,002 lines: 4,001 events, 1 header row\nchannel train: left out: 1 event more than a day ahead of this machine's clock$/m,
  );
  assert.equal(second.stderr, '2 hosts: algo-1, algo-2; algo-1 conducts\n');
});

const LONG = { epochs: '12', random_negative_sampling_rate: '5' };
const long = (): SampleJob => ({ ...job(FILES), hyperparameters: { ...QUICK, ...LONG } });
const longAlone = join(root, 'long-alone');
layOut(longAlone, long());
assert.equal((await train(longAlone)).status, 0);

/** Starts a job on both hosts; strikes once the first one has said something. */
async function struck(folders: string[], words: RegExp, strike: (children: ChildProcess[]) => void) {
  const children = hosts.map((host, i) => start(host, folders[i]));
  const outcomes = children.map(outcomeOf);
  await heard(children[0], words);
  strike(children);
  return Promise.all(outcomes);
}

for (const [told, words, stage] of [
  [0, /^fitting: epoch 1 of/m, 'fit'],
  [1, /^#progress_metric: .*completed 16\.7 %/m, 'training'],
] as const) {
  test(`SIGTERM on ${NAMES[told]} stops the job on both hosts with a checkpoint on the first, from which the same job goes on: ${stage}`, async () => {
    const folders = layOutBoth([long(), long()], { checkpoints: true });
    const [first, second] = await struck(folders, words, (children) => signal(children[told], 'SIGTERM'));
    const file = `${folders[0]}/checkpoints/${stage}.checkpoint`;
    assert.deepEqual([first.status, second.status], [0, 0], first.stderr);
    assert.match(first.stderr, new RegExp(`^SIGTERM on ${NAMES[told]}: the job stops on all hosts$`, 'm'));
    assert.ok(
      first.stderr.endsWith(
        `stopped by SIGTERM: what was learned is kept in ${file}, and the same job with the same checkpoints goes on from there; no model was written\n`,
      ),
      first.stderr,
    );
    for (const folder of folders) {
      assert.deepEqual(namesIn(folder, 'model'), []);
      assert.ok(!namesIn(folder, 'output').includes('failure'));
    }
    assert.deepEqual(namesIn(folders[1], 'checkpoints'), []);
    const again = await trainBoth(folders);
    assert.deepEqual([again[0].status, again[1].status], [0, 0], again[0].stderr);
    assert.match(again[0].stderr, new RegExp(`^${file}: going on after \\d+ epochs?`, 'm'));
    assert.deepEqual(modelOf(folders[0]), modelOf(longAlone));
  });
}

test('SIGTERM where there is no folder for checkpoints ends both hosts with 143, and says that nothing is kept', async () => {
  const folders = layOutBoth([long(), long()]);
  const [first, second] = await struck(folders, /^fitting: epoch 1 of/m, (children) =>
    signal(children[1], 'SIGTERM'),
  );
  assert.deepEqual([first.status, second.status], [143, 143], first.stderr);
  assert.match(
    first.stderr,
    /^stopped by SIGTERM: nothing is kept, as there is no folder .*\/checkpoints \(CheckpointConfig\); no model was written$/m,
  );
  for (const folder of folders) assert.ok(!namesIn(folder, 'output').includes('failure'));
});

const GONE = 'its container has ended, or its computer or the network has. Look at its log.';

test('a host that dies in the middle is named on the first, with the checkpoint, and one host goes on from it', async () => {
  const folders = layOutBoth([long(), long()], { checkpoints: true });
  const [first] = await struck(folders, /training\.checkpoint: .* written/, (children) =>
    signal(children[1], 'SIGKILL'),
  );
  assert.equal(first.status, 1);
  const message = `algo-1: algo-2 is gone before the end of the job: ${GONE} Continue from ${folders[0]}/checkpoints/training.checkpoint: start the same job again with these checkpoints.`;
  assert.equal(readText(folders[0], 'output/failure'), `${message}\n`);
  assert.ok(first.stderr.endsWith(`ip-insights: ${message}\n`), first.stderr);
  layOut(folders[0], { resourceConfig: { current_host: 'algo-1', hosts: ['algo-1'] }, data: {} });
  const again = await train(folders[0]);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /training\.checkpoint: going on after \d+ epochs?/);
  assert.deepEqual(modelOf(folders[0]), modelOf(longAlone));
});

test('the first host dies in the middle: the other one ends, and names it', async () => {
  const folders = layOutBoth([long(), long()]);
  const [, second] = await struck(folders, /^fitting: epoch 1 of/m, (children) =>
    signal(children[0], 'SIGKILL'),
  );
  assert.equal(second.status, 1);
  assert.equal(
    readText(folders[1], 'output/failure'),
    `algo-2: algo-1, which conducts the job, is gone before its end: ${GONE}\n`,
  );
});

test('a host that never comes is named by the one that waits, with what to do', async () => {
  const folders = layOutBoth([job(FILES), job(FILES)]);
  const variables = { IP_INSIGHTS_HOSTS_SECONDS: '2' };
  const said: Outcome[] = [];
  // One after the other: they must not meet.
  for (const [i, host] of hosts.entries()) said.push(await outcomeOf(start(host, folders[i], variables)));
  assert.deepEqual([said[0].status, said[1].status], [1, 1]);
  assert.equal(
    readText(folders[0], 'output/failure'),
    'algo-1: nothing was heard of algo-2 within 2 s. Look at the logs of these hosts; all must run the same image and reach algo-1 at port 2223.\n',
  );
  assert.equal(
    readText(folders[1], 'output/failure'),
    'algo-2: algo-1, which conducts the job, was not to be reached at port 2223 within 2 s (connect ECONNREFUSED 10.91.7.1:2223). Look at the log of algo-1; all hosts must run the same image.\n',
  );
});

const config = (current_host: string, all: string[]) => ({
  resourceConfig: { current_host, hosts: all, network_interface_name: 'eth0' },
});
const settings = (more: Record<string, string>) => ({ hyperparameters: { ...QUICK, ...more } });

/** What differs from a good job on each host, and the sentence that both end with. */
const REFUSED: [name: string, jobs: [Partial<SampleJob>, Partial<SampleJob>], sentence: string][] = [
  [
    'hosts that differ in whom they expect',
    [{}, config('algo-2', ['algo-1', 'algo-2', 'algo-3'])],
    'resourceconfig.json: expected the same hosts on all of them, got algo-1, algo-2 on algo-1 and algo-1, algo-2, algo-3 on algo-2. Start all hosts of the job again.',
  ],
  [
    'other hyperparameters on one host',
    [settings({ epochs: '2' }), settings({ epochs: '3' })],
    'rank 0 (algo-1): hyperparameter epochs: expected the same on all ranks, got "2" on rank 0 (algo-1) and "3" on rank 1 (algo-2). Start all hosts of the job again.',
  ],
  [
    'a bad line in a file of the second host',
    [
      job(some('train/a.csv', 'validation/l.csv'), 'ShardedByS3Key'),
      job({ 'train/b.csv': 'ann,nowhere\n' }, 'ShardedByS3Key'),
    ],
    'rank 1 (algo-2): ML2/input/data/train/b.csv:1: expected an IP address in field 2, got "nowhere": it is not an IP address. Skip such lines with on_bad_line=skip.',
  ],
  [
    'a file of FullyReplicated that one host lacks',
    [job(FILES), job(some('train/a.csv', 'train/b.csv', 'train/c.csv', 'validation/l.csv'))],
    'rank 0 (algo-1): channel train: expected the same files on every host, as S3DistributionType is FullyReplicated, got a/z.csv on algo-1 and not on algo-2. Start the job again, or give the channel S3DistributionType=ShardedByS3Key.',
  ],
  [
    'no file on any host',
    [job({}), job({})],
    'rank 0 (algo-1): ML1/input/data/train: expected at least one file for channel train, got none. Check the S3 prefix of the channel.',
  ],
  [
    'a hyperparameter that cannot be',
    [settings({ vector_dim: '5000' }), settings({ vector_dim: '5000' })],
    'rank 0 (algo-1): ML1/input/config/hyperparameters.json: vector_dim: expected an integer from 4 to 4096, got 5000.',
  ],
];

for (const [name, jobs, sentence] of REFUSED) {
  test(`${name}: both hosts end with 1 and the same sentence, and no model is written`, async () => {
    const folders = layOutBoth(jobs.map((one) => ({ ...job(FILES), ...one })) as [SampleJob, SampleJob]);
    const said = await trainBoth(folders);
    assert.deepEqual(
      said.map(({ status }) => status),
      [1, 1],
      said[0].stderr,
    );
    for (const folder of folders) {
      const failure = readText(folder, 'output/failure')
        .replaceAll(folders[0], 'ML1')
        .replaceAll(folders[1], 'ML2');
      assert.equal(failure, `${sentence}\n`);
      assert.deepEqual(namesIn(folder, 'model'), []);
    }
  });
}

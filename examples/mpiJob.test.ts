/** The job for Kubernetes' MPI Operator: valid by its schema, and what its pods run trains a model over ssh. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { COMMAND, EXAMPLES, folder, logins, ROOT } from './exampleRun.ts';
import { faultOf } from './manifestFault.ts';

interface Host {
  inside(...command: string[]): string[];
  end(): void;
}
interface SampleHosts {
  makeHosts(names: [string, string], folder: string): Promise<[Host, Host]>;
}
const { makeHosts }: SampleHosts = await import(join(ROOT, 'dist/mpi/sampleHosts.js'));

const text = readFileSync(join(EXAMPLES, 'kubernetes/train.yaml'), 'utf8');
const manifest = parse(text);

const count = z.int().nonnegative();
const replicaSpec = z.strictObject({
  replicas: count.optional(),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never', 'ExitCode']).optional(),
  // A template of pods as Kubernetes has it.
  template: z.object({ spec: z.object({}).loose() }).loose(),
});
/** What the operator's definition of MPIJob (kubeflow.org/v2beta1) asks for, in so far as it is its own. */
const mpiJob = z.strictObject({
  apiVersion: z.literal('kubeflow.org/v2beta1'),
  kind: z.literal('MPIJob'),
  metadata: z.object({ name: z.string() }).loose(),
  spec: z.strictObject({
    slotsPerWorker: count.optional(),
    mpiImplementation: z.enum(['OpenMPI', 'Intel', 'MPICH']).optional(),
    sshAuthMountPath: z.string().optional(),
    launcherCreationPolicy: z.enum(['AtStartup', 'WaitForWorkersReady']).optional(),
    runPolicy: z
      .strictObject({
        activeDeadlineSeconds: count.optional(),
        backoffLimit: count.optional(),
        cleanPodPolicy: z.enum(['None', 'Running', 'All']).optional(),
        suspend: z.boolean().optional(),
        ttlSecondsAfterFinished: count.optional(),
      })
      .optional(),
    mpiReplicaSpecs: z.strictObject({ Launcher: replicaSpec, Worker: replicaSpec.optional() }),
  }),
});

/** A pod of the job as one of a plain Job, whose schema is known. */
const asJob = (template: unknown) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'pod' },
  spec: { template },
});

const faultsOf = (job: typeof manifest): string[] => {
  const { error } = mpiJob.safeParse(job);
  const own = error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  const { Launcher, Worker } = job.spec.mpiReplicaSpecs;
  return [...own, ...[Launcher, Worker].flatMap(({ template }) => faultOf(asJob(template)) ?? [])];
};

test("the manifest is an MPIJob by the operator's schema and that of pods, which find misspelt, missing and mistyped fields", () => {
  assert.deepEqual(faultsOf(manifest), []);
  const changed = (from: RegExp, to: string) => {
    assert.match(text, from);
    return faultsOf(parse(text.replace(from, to)));
  };
  assert.deepEqual(changed(/slotsPerWorker: 1/, 'slotsPerWorkers: 1'), [
    'spec: Unrecognized key: "slotsPerWorkers"',
  ]);
  assert.deepEqual(changed(/cleanPodPolicy: Running/, 'cleanPodPolicy: Runing'), [
    'spec.runPolicy.cleanPodPolicy: Invalid option: expected one of "None"|"Running"|"All"',
  ]);
  assert.deepEqual(changed(/mountPath/, 'path'), [
    'data/spec/template/spec/containers/0/volumeMounts/0 must have required property mountPath',
  ]);
});

test('as many ranks as workers have slots', () => {
  const { slotsPerWorker, mpiReplicaSpecs } = manifest.spec;
  const [{ args }] = mpiReplicaSpecs.Launcher.template.spec.containers;
  const [, ranks] = / -np (\d+) /.exec(args[0])!;
  assert.equal(Number(ranks), slotsPerWorker * mpiReplicaSpecs.Worker.replicas);
});

test("the launcher's mpirun reaches a worker's sshd with the operator's keys, and the ranks learn the model of one process", async () => {
  const place = join(folder, 'mpi');
  const [ssh, data] = [join(place, 'ssh'), join(place, 'data')];
  for (const path of [ssh, data]) mkdirSync(path, { recursive: true });
  const [launcher, worker] = await makeHosts(['launcher', 'worker-0'], place);
  after(() => {
    for (const host of [launcher, worker]) host.end();
  });
  // As the operator lays them out in sshAuthMountPath.
  const keygen = ['-q', '-t', 'ecdsa', '-N', '', '-f', join(ssh, 'id_rsa')];
  assert.equal(spawnSync('ssh-keygen', keygen).status, 0);
  writeFileSync(join(ssh, 'authorized_keys'), readFileSync(join(ssh, 'id_rsa.pub')));
  // Both ranks on the one worker that there is here.
  writeFileSync(join(place, 'hostfile'), 'worker-0 slots=2\n');
  const events = logins(Date.UTC(2024, 5, 17) / 1000);
  const csv = events.map(({ entity, address, time }) => `${entity},${address},${time}\n`).join('');
  writeFileSync(join(data, 'train.csv'), csv);
  const here = (one: string) =>
    one
      .replaceAll('/root/.ssh', ssh)
      .replaceAll('/data', data)
      .replaceAll('/tmp/known_hosts', join(place, 'known_hosts'))
      .replaceAll('/opt/ip-insights/dist/cli/main.js', COMMAND)
      .replace(/\bnode (?=\/)/, `${process.execPath} `);
  const commandOf = (role: 'Launcher' | 'Worker') => {
    const [{ command, args }] = manifest.spec.mpiReplicaSpecs[role].template.spec.containers;
    return [...command, ...args].map(here);
  };
  mkdirSync('/run/sshd', { recursive: true });
  const [program, ...args] = worker.inside(...commandOf('Worker'));
  const server = spawn(program, args, { stdio: 'ignore' });
  try {
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(SLURM_|OMPI_|PMIX_|IP_INSIGHTS_)/.test(name),
    );
    const env = { ...Object.fromEntries(own), OMPI_MCA_orte_default_hostfile: join(place, 'hostfile') };
    const [mpirun, ...more] = launcher.inside(...commandOf('Launcher'));
    const { status, stderr } = spawnSync(mpirun, more, { env, encoding: 'utf8', timeout: 120_000 });
    assert.equal(status, 0, stderr);
  } finally {
    server.kill();
  }
  const alone = ['train', join(data, 'train.csv'), '--model', join(data, 'alone.model')];
  assert.equal(spawnSync(process.execPath, [COMMAND, ...alone]).status, 0);
  assert.deepEqual(readFileSync(join(data, 'login.model')), readFileSync(join(data, 'alone.model')));
});

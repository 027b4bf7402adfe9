/** The jobs for Kubernetes, Slurm and AWS Batch: valid by their schemas, and what they start does the work. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { COMMAND, EXAMPLES, folder, logins, ROOT, writeModel } from './exampleRun.ts';
import { faultOf } from './manifestFault.ts';

const CONTAINER = join(ROOT, 'dist/container/main.js');
const END = Date.UTC(2024, 5, 17) / 1000;
const csv = logins(END)
  .map(({ entity, address, time }, i) => `"${entity}${i % 50 === 0 ? '\n2' : ''}",${address},${time}\n`)
  .join('');
await writeModel(join(folder, 'login.model'), END);

/** The variables of this machine must not say that the tests are a task of some scheduler. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(SLURM_|JOB_COMPLETION_|AWS_BATCH_)/.test(name)),
);

interface Place {
  path: string;
  whole: string;
}

/** A folder with the inputs, and what one command makes of them. */
function dataFolder(name: string): Place {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'events.csv'), csv);
  writeFileSync(join(path, 'login.model'), readFileSync(join(folder, 'login.model')));
  const args = ['score', 'login.model', 'events.csv', '--out', 'whole.jsonl'];
  run(path, process.execPath, [COMMAND, ...args], {});
  return { path, whole: readFileSync(join(path, 'whole.jsonl'), 'utf8') };
}

function run(cwd: string, command: string, args: string[], variables: Record<string, string>): string {
  const env = { ...environment, ...variables };
  const { status, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stderr;
}

/** As `cat scores-*.jsonl` does: in the order of the names. */
function assertWhole({ path, whole }: Place, count: number): void {
  const names = readdirSync(path).filter((name) => /^scores-.*\.jsonl$/.test(name));
  assert.equal(names.length, count);
  const parts = names.sort().map((name) => readFileSync(join(path, name), 'utf8'));
  for (const part of parts) assert.notEqual(part, '');
  assert.equal(parts.join(''), whole);
}

const manifestText = readFileSync(join(EXAMPLES, 'kubernetes/score.yaml'), 'utf8');
const manifest = parse(manifestText);

test("the manifest is a Job by Kubernetes' schema, which finds misspelt, missing and mistyped fields", () => {
  assert.equal(faultOf(manifest), undefined);
  const changed = (from: RegExp, to: string) => {
    assert.match(manifestText, from);
    return faultOf(parse(manifestText.replace(from, to)));
  };
  assert.equal(changed(/completionMode/, 'completionsMode'), 'unknown: spec.completionsMode');
  assert.equal(
    changed(/mountPath/, 'path'),
    'data/spec/template/spec/containers/0/volumeMounts/0 must have required property mountPath',
  );
  assert.equal(changed(/completions: \d/, "completions: '4'"), 'data/spec/completions must be integer');
});

test('a pod for each index of the Job does its share, and the parts are the whole', () => {
  const { completions, template } = manifest.spec;
  const [{ args }] = template.spec.containers;
  const place = dataFolder('kubernetes');
  for (let index = 0; index < completions; index++) {
    const own = args.map((text: string) => text.replace('/data', place.path));
    const said = run('/', process.execPath, [CONTAINER, ...own], { JOB_COMPLETION_INDEX: String(index) });
    assert.match(said, new RegExp(`^shard ${index + 1} of ${completions}: `));
  }
  assertWhole(place, completions);
});

test('the script does its share as each task of its array, and the parts are the whole', () => {
  const script = join(EXAMPLES, 'slurm/score.sbatch');
  const [, first, last] = /^#SBATCH --array=(\d+)-(\d+)$/m.exec(readFileSync(script, 'utf8'))!.map(Number);
  const place = dataFolder('slurm');
  mkdirSync(join(place.path, 'bin'));
  writeFileSync(
    join(place.path, 'bin/ip-insights'),
    `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`,
  );
  chmodSync(join(place.path, 'bin/ip-insights'), 0o755);
  for (let id = first; id <= last; id++) {
    run(place.path, 'bash', [script], {
      PATH: `${join(place.path, 'bin')}:${process.env.PATH}`,
      SLURM_JOB_ID: String(100 + id),
      SLURM_ARRAY_TASK_ID: String(id),
      SLURM_ARRAY_TASK_MIN: String(first),
      SLURM_ARRAY_TASK_MAX: String(last),
      SLURM_ARRAY_TASK_COUNT: String(last - first + 1),
      SLURM_ARRAY_TASK_STEP: '1',
      SLURM_PROCID: '0',
      SLURM_NTASKS: '1',
    });
  }
  assertWhole(place, last - first + 1);
});

const readJson = (name: string) => JSON.parse(readFileSync(join(EXAMPLES, 'aws-batch', name), 'utf8'));

/** botocore has AWS's own model of the service: it refuses fields that are unknown, missing or of another type. */
const VALIDATE = `
import json, sys
import botocore.session
from botocore.validate import ParamValidator
model = botocore.session.get_session().get_service_model('batch')
for operation, text in zip(sys.argv[1::2], sys.argv[2::2]):
    report = ParamValidator().validate(json.loads(text), model.operation_model(operation).input_shape)
    print(report.generate_report() or 'ok')
`;

test('job definition and submission are valid by the model of AWS Batch', () => {
  const [definition, submission] = ['job-definition.json', 'submit-job.json'].map(readJson);
  const broken = { ...definition, container: {} };
  const { stdout, stderr } = spawnSync(
    '/usr/bin/python3',
    [
      ...['-c', VALIDATE, 'RegisterJobDefinition', JSON.stringify(definition)],
      ...['SubmitJob', JSON.stringify(submission), 'RegisterJobDefinition', JSON.stringify(broken)],
    ],
    { encoding: 'utf8' },
  );
  assert.match(stdout, /^ok\nok\nUnknown parameter in input: "container"/, stderr);
  assert.equal(submission.jobDefinition, definition.jobDefinitionName);
});

test('a child for each index of the array job does its share, and the parts are the whole', () => {
  const { parameters, containerProperties } = readJson('job-definition.json');
  const { size } = readJson('submit-job.json').arrayProperties;
  const place = dataFolder('aws-batch');
  // AWS Batch puts parameters where Ref::name stands.
  const args = containerProperties.command.map((text: string) =>
    text.replace(/^Ref::(.*)$/, (_, name) => parameters[name]).replace('/data', place.path),
  );
  for (let index = 0; index < size; index++) {
    run('/', process.execPath, [CONTAINER, ...args], {
      AWS_BATCH_JOB_ARRAY_INDEX: String(index),
      AWS_BATCH_JOB_ARRAY_SIZE: String(size),
    });
  }
  assertWhole(place, size);
});

/** before.py, after.py and local.py, as Debian's Python runs them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXAMPLES, folder, logins, ROOT } from '../exampleRun.ts';

const MIGRATE = join(EXAMPLES, 'migrate');
const NODE = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH}` };
// -B: no compiled files beside the sources.
const python = (args: string[], cwd = MIGRATE) =>
  spawnSync('/usr/bin/python3', ['-B', ...args], { cwd, env: NODE, encoding: 'utf8' });

/**
 * Runs one of the two to its end. botocore checks and serializes each request by its model of the service;
 * only what would go to AWS is answered here, as AWS does for a job that has ended and an endpoint in service.
 */
const RECORD = `
import importlib, io, json, sys
import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ParamValidationError

job = importlib.import_module(sys.argv[1])
requests = []
ANSWERS = {
    'DescribeTrainingJob': {
        'TrainingJobStatus': 'Completed',
        'ModelArtifacts': {'S3ModelArtifacts': 's3://b/model.tar.gz'},
    },
    'DescribeEndpoint': {'EndpointStatus': 'InService'},
    'InvokeEndpoint': {'predictions': [{'dot_product': 1.5}]},
}
class Raw(io.BytesIO):
    def stream(self):
        yield self.read()
def answer(request, **_):
    target = request.headers.get('X-Amz-Target', b'SageMaker.InvokeEndpoint')
    operation = (target.decode() if isinstance(target, bytes) else target).split('.')[1]
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    requests.append([operation, request.url.replace(job.NAME, 'NAME'), body.replace(job.NAME, 'NAME')])
    content = json.dumps(ANSWERS.get(operation, {})).encode()
    return AWSResponse(request.url, 200, {'Content-Type': 'application/json'}, Raw(content))
def client(name):
    secrets = {'aws_access_key_id': 'any', 'aws_secret_access_key': 'any'}
    made = boto3.client(name, region_name='eu-central-1', **secrets)
    made.meta.events.register('before-send', answer)
    return made

job.train_and_deploy(client('sagemaker'))
seen = job.ask(client('sagemaker-runtime'), 'user_1,198.51.100.7')
try:
    client('sagemaker').create_training_job(**{**job.TRAINING_JOB, 'HyperParameters': {'epochs': 5}})
    refused = None
except ParamValidationError as error:
    refused = str(error)
print(json.dumps({'requests': requests, 'answer': seen, 'refused': refused}))
`;

type Request = [operation: string, url: string, body: string];

function record(name: 'before' | 'after'): Request[] {
  const { status, stdout, stderr } = python(['-c', RECORD, name]);
  assert.equal(status, 0, stderr);
  const { requests, answer, refused } = JSON.parse(stdout);
  assert.deepEqual(JSON.parse(answer), { predictions: [{ dot_product: 1.5 }] });
  // What is wrong would have been found.
  assert.match(refused, /Invalid type for parameter HyperParameters\.epochs, value: 5/);
  return requests;
}

test('before and after differ by the image alone, in the source and in what botocore would send', () => {
  const lines = (name: string) => readFileSync(join(MIGRATE, name), 'utf8').split('\n');
  const after = lines('after.py');
  const different = lines('before.py').filter((line, i) => line !== after[i]);
  assert.deepEqual([different.length, different[0].startsWith('IMAGE = ')], [1, true]);

  const [old, now] = [record('before'), record('after')];
  assert.deepEqual(
    now.map(([operation]) => operation),
    [
      'CreateTrainingJob',
      ...['DescribeTrainingJob', 'DescribeTrainingJob', 'CreateModel', 'CreateEndpointConfig'],
      ...['CreateEndpoint', 'DescribeEndpoint', 'InvokeEndpoint'],
    ],
  );
  const image = /"(?:Training)?Image": ?"[^"]*\/(ipinsights|ip-insights):[^"]*"/g;
  const named = ([, , body]: Request) => [...body.matchAll(image)].map((match) => match[1]);
  assert.deepEqual(
    [old.flatMap(named), now.flatMap(named)],
    [Array(2).fill('ipinsights'), Array(2).fill('ip-insights')],
  );
  const withoutImage = (requests: Request[]) =>
    requests.map((one) => one.map((text) => text.replace(image, 'IMAGE')));
  assert.deepEqual(withoutImage(now), withoutImage(old));
});

test('without AWS: the hyperparameters, channels and client of before.py, on this machine', () => {
  const work = join(folder, 'local');
  mkdirSync(join(work, 'node_modules'), { recursive: true });
  symlinkSync(ROOT, join(work, 'node_modules/ip-insights'));
  const events = logins(1_700_000_000).map(({ entity, address, time }) => `${entity},${address},${time}\n`);
  for (const [channel, part] of [
    ['train', events.slice(0, 700)],
    ['validation', events.slice(700)],
  ] as const) {
    mkdirSync(join(work, 'ml/input/data', channel), { recursive: true });
    writeFileSync(join(work, 'ml/input/data', channel, 'logins.csv'), part.join(''));
  }
  const { status, stdout, stderr } = python([join(MIGRATE, 'local.py'), 'ml', 'user_1,9.1.2.3'], work);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^\{"predictions":\[\{"dot_product":-?\d[^,]*\}\]\}\n$/);
  assert.match(
    stderr,
    /^#quality_metric: host=algo-1, epoch=4, validation discriminator_auc <score>=0\.\d+$/m,
  );

  const job = JSON.parse(record('before')[0][2]);
  const read = (name: string) => JSON.parse(readFileSync(join(work, 'ml', name), 'utf8'));
  assert.deepEqual(read('input/config/hyperparameters.json'), job.HyperParameters);
  const channels = job.InputDataConfig.map((one: { ChannelName: string }) => one.ChannelName);
  assert.deepEqual(Object.keys(read('input/config/inputdataconfig.json')), channels);
  // What it was trained with, by the model's card.
  const { hyperparameters } = read('output/data/training.json');
  for (const [name, value] of Object.entries(job.HyperParameters)) {
    const ours = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
    assert.equal(String(hyperparameters[ours]), value, name);
  }
});

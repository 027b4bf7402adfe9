/** SageMaker's own clients against a running server: the AWS SDK for JavaScript, and boto3. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import {
  InvokeEndpointCommand,
  type InvokeEndpointCommandInput,
  ModelError,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { model, startServer } from './sampleServer.ts';

const { url } = await startServer();
const client = new SageMakerRuntimeClient({
  endpoint: url,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  maxAttempts: 1,
});
const dot = model.score('user_1', '9.1.2.3').dotProduct;

async function invoke(input: Partial<InvokeEndpointCommandInput>) {
  const answer = await client.send(
    new InvokeEndpointCommand({ EndpointName: 'ip-insights', Body: 'user_1,9.1.2.3', ...input }),
  );
  return { ...answer, text: Buffer.from(answer.Body!).toString() };
}

const INSTANCES = '{"instances":[{"features":["user_1","9.1.2.3"]}]}';

test('AWS SDK for JavaScript: every request type', async () => {
  for (const [ContentType, Body] of [
    ['text/csv', 'user_1,9.1.2.3'],
    ['application/json', INSTANCES],
    ['application/jsonlines', '{"features":["user_1","9.1.2.3"]}'],
  ]) {
    const { text, ContentType: type, InvokedProductionVariant } = await invoke({ ContentType, Body });
    assert.deepEqual(JSON.parse(text), { predictions: [{ dot_product: dot }] });
    assert.deepEqual([type, InvokedProductionVariant], ['application/json', 'AllTraffic']);
  }
});

test('AWS SDK for JavaScript: JSON lines, vectors, custom attributes', async () => {
  const { text, ContentType } = await invoke({ ContentType: 'text/csv', Accept: 'application/jsonlines' });
  assert.deepEqual([text, ContentType], [`{"dot_product":${dot}}\n`, 'application/jsonlines']);
  const verbose = await invoke({
    ContentType: 'text/csv',
    Accept: 'application/json; verbose=True',
    CustomAttributes: 'a=1',
  });
  assert.equal(JSON.parse(verbose.text).predictions[0].entity_embedding.length, 8);
  assert.equal(verbose.CustomAttributes, 'a=1');
});

test('AWS SDK for JavaScript: a bad record is a ModelError with the status and words of the model', async () => {
  await assert.rejects(invoke({ ContentType: 'text/csv', Body: 'user_1,9.1.2' }), (error) => {
    assert.ok(error instanceof ModelError);
    const message = 'line 1: expected an IP address in field 2, got "9.1.2": it has 3 parts, not 4.';
    assert.deepEqual([error.OriginalStatusCode, error.OriginalMessage], [400, message]);
    return true;
  });
  await assert.rejects(invoke({ ContentType: 'image/png' }), (error) => {
    assert.ok(error instanceof ModelError);
    assert.equal(error.OriginalStatusCode, 415);
    return true;
  });
});

/** As a notebook would do it; prints one JSON object of what it saw. */
const PYTHON = `
import json, sys
import boto3
from botocore.config import Config
client = boto3.client('sagemaker-runtime', endpoint_url=sys.argv[1], region_name='eu-central-1',
                      aws_access_key_id='any', aws_secret_access_key='any',
                      config=Config(retries={'max_attempts': 0}))
def invoke(**more):
    arguments = dict(EndpointName='ip-insights', ContentType='text/csv', Body='user_1,9.1.2.3')
    arguments.update(more)
    answer = client.invoke_endpoint(**arguments)
    return [answer['ContentType'], answer.get('CustomAttributes'), answer['Body'].read().decode()]
seen = {
    'csv': invoke(),
    'json': invoke(ContentType='application/json', Body=json.dumps({'instances': [{'features': ['user_1', '9.1.2.3']}]})),
    'jsonlines': invoke(ContentType='application/jsonlines', Accept='application/jsonlines',
                        Body='{"data": {"features": {"values": ["user_1", "9.1.2.3"]}}},\\n{"features": ["user_1", "9.1.2.3"]}]'),
    'verbose': invoke(Accept='application/json; verbose=True', CustomAttributes='a=1'),
}
try:
    invoke(Body='user_1,9.1.2')
except client.exceptions.ModelError as error:
    seen['error'] = [error.response['OriginalStatusCode'], error.response['OriginalMessage'], error.response['Error']['Code']]
print(json.dumps(seen))
`;

test('boto3: every request type, vectors, errors', () => {
  // Debian's Python, which has Debian's boto3.
  const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', PYTHON, url], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { csv, json, jsonlines, verbose, error } = JSON.parse(stdout);
  for (const [type, attributes, text] of [csv, json]) {
    assert.deepEqual(
      [type, attributes, JSON.parse(text)],
      ['application/json', null, { predictions: [{ dot_product: dot }] }],
    );
  }
  assert.deepEqual(jsonlines, ['application/jsonlines', null, `{"dot_product":${dot}}\n`.repeat(2)]);
  assert.deepEqual(Object.keys(JSON.parse(verbose[2]).predictions[0]), [
    'dot_product',
    'entity_embedding',
    'ip_embedding',
  ]);
  assert.equal(verbose[1], 'a=1');
  const message = 'line 1: expected an IP address in field 2, got "9.1.2": it has 3 parts, not 4.';
  assert.deepEqual(error, [400, message, 'ModelError']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { folder, get, post, startServer } from './sampleServer.ts';

const { url } = await startServer(['login.model', '--models', folder]);
const { text, json } = await get(`${url}/openapi.json`);

test('the OpenAPI document passes the recommended rules of Redocly', async () => {
  const config = await createConfig({
    extends: ['recommended'],
    // Any host serves it; ping and metrics have no error of the client.
    rules: { 'no-server-example.com': 'off', 'no-empty-servers': 'off', 'operation-4xx-response': 'off' },
  });
  const problems = await lintFromString({ source: text, absoluteRef: 'openapi.json', config });
  assert.deepEqual(
    problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`),
    [],
  );
});

test('every route is in the document, and every path of the document is a route', async () => {
  const paths = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(paths.sort(), [
    'DELETE /models/{name}',
    'GET /execution-parameters',
    'GET /metrics',
    'GET /models',
    'GET /models/{name}',
    'GET /openapi.json',
    'GET /ping',
    'GET /v1/model',
    'POST /endpoints/{name}/invocations',
    'POST /invocations',
    'POST /models',
    'POST /models/{name}/invoke',
    'POST /v1/model/reload',
    'POST /v1/observe',
    'POST /v1/score',
  ]);
});

test("the errors of the path of SageMaker's clients are theirs", async () => {
  const { responses } = json.paths['/endpoints/{name}/invocations'].post;
  assert.deepEqual(Object.keys(responses), ['200', '400', '403', '421', '424', '503']);
  const refused = await post(`${url}/endpoints/any/invocations`, 'x', { 'content-type': 'text/csv' });
  assert.equal(refused.status, 424);
  const { properties } = responses[424].content['application/json'].schema;
  for (const name of Object.keys(refused.json)) assert.ok(name in properties, name);
});

test('the examples of the document are requests that are answered', async () => {
  const { content } = json.paths['/invocations'].post.requestBody;
  for (const [type, { example: value }] of Object.entries<{ example: unknown }>(content)) {
    assert.ok(value !== undefined, type);
    const body = typeof value === 'string' ? value : JSON.stringify(value);
    const { status, text } = await post(`${url}/invocations`, body, { 'content-type': type });
    assert.equal(status, 200, `${type}: ${text}`);
  }
});

test('metrics have what a dashboard needs', async () => {
  await post(`${url}/v1/score`, '{"entity":"nobody","address":"9.1.2.3"}');
  const { text, headers } = await get(`${url}/metrics`);
  assert.match(headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  for (const line of [
    /^ip_insights_requests_total\{route="\/v1\/score",status="200"\} 1$/m,
    /^ip_insights_request_duration_seconds_bucket\{le="0\.005",route="\/v1\/score"\} \d$/m,
    /^ip_insights_verdicts_total\{verdict="(ok|suspicious|unknown)"\} [1-9]/m,
    /^ip_insights_unknown_entities_total [1-9]/m,
    /^ip_insights_model_age_seconds [1-9]/m,
    /^ip_insights_models_loaded 1$/m,
  ]) {
    assert.match(text, line);
  }
});

/** What a server answers to requests that are none. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { get, post, startServer } from './sampleServer.ts';

const { url, log } = await startServer(['login.model', '--max-body', '0.2']);

const JSON_TYPE = 'application/json';
const one = (features: unknown) => JSON.stringify({ instances: [{ features }] });
const BODY = 'body: expected {"instances":[{"features":[entity, address]}, …]}, got';

const BAD: [status: number, type: string | undefined, body: string | Uint8Array, error: string | RegExp][] = [
  [
    415,
    'text/plain',
    'user_1,9.1.2.3',
    'Content-Type: expected text/csv, application/json or application/jsonlines, got "text/plain".',
  ],
  [415, 'text/csv; charset=latin1', 'a,9.1.2.3', 'Content-Type: expected charset=utf-8, got "latin1".'],
  [
    415,
    'text/csv; label_size=1',
    'a,9.1.2.3',
    'Content-Type: expected label_size=0, as events have no label, got "1".',
  ],
  [415, 'application/x-recordio-protobuf', 'a', /^Content-Type: expected text\/csv/],
  [415, '__proto__', 'a', /^Content-Type: expected text\/csv/],
  [415, 'constructor', 'a', /^Content-Type: expected text\/csv/],
  [400, 'text/csv', '', 'body: expected lines of entity,address, got nothing.'],
  [400, 'text/csv', '\n\n', 'body: expected lines of entity,address, got nothing.'],
  [
    400,
    'text/csv',
    'user_1,9.1.2.3\nuser_2',
    'line 2: expected 2 or 3 fields (entity,address[,time]), got 1.',
  ],
  [
    400,
    'text/csv',
    'user,ip\nuser_1,9.1.2.3',
    'line 1: expected an IP address in field 2, got "ip": it is not an IP address.',
  ],
  [
    400,
    'text/csv',
    'user_1,9.1.2.3\n\nuser_2,9.1.2.3',
    'line 2: expected entity,address[,time], got a blank line.',
  ],
  [
    400,
    'text/csv',
    'user_1,9.1.2.3\nuser_1,9.1.2.256',
    'line 2: expected an IP address in field 2, got "9.1.2.256": octet 4 is above 255.',
  ],
  [400, 'text/csv', ',9.1.2.3', 'line 1: expected an entity in field 1, got nothing.'],
  [400, 'text/csv', 'a,9.1.2.3\n"b', 'line 2: expected a closing quote, found none.'],
  [400, 'text/csv', Uint8Array.of(0xff, 0xfe, 97, 0, 44, 0), 'body: expected UTF-8 text, got UTF-16.'],
  [400, 'text/csv', Uint8Array.of(0x80, 44, 49), /^line 1: expected UTF-8 text in field 1/],
  [400, JSON_TYPE, '', 'body: expected JSON, got nothing.'],
  [
    400,
    JSON_TYPE,
    '{"instances":[{"features":["a","9.1.2.3"]}',
    'body: expected JSON, line 1, column 43: expected a comma or a closing bracket, got the end.',
  ],
  [
    400,
    JSON_TYPE,
    '{"instances":[\n  {"features" ["a","9.1.2.3"]}\n]}',
    'body: expected JSON, line 2, column 15: expected a colon, got "[".',
  ],
  [400, JSON_TYPE, Uint8Array.of(123, 0x80, 125), 'body: expected UTF-8 text, got other bytes.'],
  [400, JSON_TYPE, '[]', `${BODY} an array of 0 values.`],
  [400, JSON_TYPE, 'null', `${BODY} null.`],
  [400, JSON_TYPE, '{}', `${BODY} an object without instances.`],
  [400, JSON_TYPE, '{"instances":{"0":{}}}', `${BODY} instances: an object.`],
  [400, JSON_TYPE, '{"__proto__":{"instances":[]}}', `${BODY} an object without instances.`],
  [400, JSON_TYPE, '{"constructor":{"prototype":{"instances":[]}}}', `${BODY} an object without instances.`],
  [
    400,
    JSON_TYPE,
    '{"instances":[5]}',
    'instances[0]: expected {"features":[entity, address]}, got the number 5.',
  ],
  [
    400,
    JSON_TYPE,
    '{"instances":[{"__proto__":{"features":["a","9.1.2.3"]}}]}',
    'instances[0]: expected features or data.features.values, got neither.',
  ],
  [
    400,
    JSON_TYPE,
    one(['a', '9.1.2.3', 'b']),
    'instances[0].features: expected [entity, address], got 3 values.',
  ],
  [
    400,
    JSON_TYPE,
    one({ 0: 'a', 1: '9.1.2.3', length: 2 }),
    'instances[0].features: expected [entity, address], got an object.',
  ],
  [
    400,
    JSON_TYPE,
    one([null, '9.1.2.3']),
    'instances[0].features[0]: expected the entity as a string, got null.',
  ],
  [
    400,
    JSON_TYPE,
    one([1.5, '9.1.2.3']),
    'instances[0].features[0]: expected the entity as a string, got the number 1.5.',
  ],
  [
    400,
    JSON_TYPE,
    one([true, '9.1.2.3']),
    'instances[0].features[0]: expected the entity as a string, got true.',
  ],
  [
    400,
    JSON_TYPE,
    one(['', '9.1.2.3']),
    'instances[0].features[0]: expected the entity as a string, got an empty string.',
  ],
  [
    400,
    JSON_TYPE,
    one(['a', 9]),
    'instances[0].features[1]: expected an IP address as a string, got the number 9.',
  ],
  [
    400,
    JSON_TYPE,
    one(['a', '9.1.2']),
    'instances[0].features[1]: expected an IP address as a string, got "9.1.2": it has 3 parts, not 4.',
  ],
  [
    400,
    JSON_TYPE,
    '{"instances":[{"data":{"features":{"values":["a"]}}}]}',
    'instances[0].data.features.values: expected [entity, address], got 1 value.',
  ],
  [400, 'application/jsonlines', '', 'body: expected a JSON object a line, got nothing.'],
  [
    400,
    'application/jsonlines',
    '{"features":["a","9.1.2.3"]}\n{"features":',
    'line 2: expected JSON, column 13: expected a value, got the end.',
  ],
  [
    400,
    'application/jsonlines',
    '{"features":["a","9.1.2.3"]}\n\n{"features":["a","9.1.2.3"]}',
    'line 2: expected a JSON object, got a blank line.',
  ],
  [
    400,
    'application/jsonlines',
    '{"features":["a","9.1.2.3"]}]\n{"features":["a","9.1.2.3"]}',
    /^line 1: expected JSON, column 29/,
  ],
  [
    400,
    'application/jsonlines',
    '{"features":["a"]}',
    'line 1.features: expected [entity, address], got 1 value.',
  ],
  [
    413,
    'text/csv',
    'a,9.1.2.3\n'.repeat(20_001),
    'body: expected at most 200000 bytes, got more. Send it in parts, or start the server with a larger --max-body.',
  ],
  // What nests deeply is JSON all the same.
  [400, JSON_TYPE, `${'['.repeat(99_000)}${']'.repeat(99_000)}`, `${BODY} an array of 1 value.`],
  [400, JSON_TYPE, '['.repeat(190_000), /^body: expected JSON, /],
  [
    400,
    JSON_TYPE,
    `{"instances":[${'[],'.repeat(60_000)}[]]}`,
    'instances[0]: expected {"features":[entity, address]}, got an array of 0 values.',
  ],
];

for (const [status, type, body, error] of BAD) {
  const shown = typeof body === 'string' ? body.slice(0, 40) : [...body].join(' ');
  test(`${status} for ${type}: ${JSON.stringify(shown)}`, async () => {
    const answer = await post(`${url}/invocations`, body, type === undefined ? {} : { 'content-type': type });
    assert.equal(answer.status, status, answer.text);
    if (typeof error === 'string') assert.deepEqual(answer.json, { error });
    else assert.match(answer.json.error, error);
  });
}

test('415 without a content type', async () => {
  const response = await fetch(`${url}/invocations`, { method: 'POST', body: Buffer.from('a,9.1.2.3') });
  assert.equal(response.status, 415);
  assert.deepEqual(await response.json(), {
    error: 'Content-Type: expected text/csv, application/json or application/jsonlines, got none.',
  });
});

test('a body without a length is refused once it is too large, and its connection is closed', async () => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  // Writing into a closed connection fails, which is what is waited for.
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.write(
    'POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  const chunk = `8000\r\n${'a'.repeat(0x8000)}\r\n`;
  const sending = setInterval(() => socket.write(chunk), 5);
  await closed;
  clearInterval(sending);
  assert.match(text, /^HTTP\/1.1 413 [\s\S]*connection: close/i);
});

test('404 for what is not there, models by name among it', async () => {
  for (const path of [
    '/',
    '/nothing',
    '/models',
    '/models/a',
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
  ]) {
    const { status, json } = await get(url + path);
    assert.equal(status, 404, path);
    assert.match(json.error, /^there is no GET /);
  }
  assert.equal((await get(`${url}/invocations`)).status, 404);
});

const V1: [path: string, body: unknown, error: string][] = [
  ['/v1/score', {}, 'entity: expected string, got undefined.'],
  ['/v1/score', [], 'body: expected object, got array.'],
  ['/v1/score', { entity: 5, address: '9.1.2.3' }, 'entity: expected string, got number.'],
  [
    '/v1/score',
    { entity: '', address: '9.1.2.3' },
    'entity: Too small: expected string to have >=1 characters.',
  ],
  [
    '/v1/score',
    { entity: 'a', address: '9.1.2.3:80' },
    'address: expected an IP address, got "9.1.2.3:80": it has a port.',
  ],
  ['/v1/score', { events: [] }, 'events: Too small: expected array to have >=1 items.'],
  [
    '/v1/score',
    { events: [{ entity: 'a', address: '9.1.2.3' }, { entity: 'a' }] },
    'events[1].address: expected string, got undefined.',
  ],
  [
    '/v1/score',
    { events: [{ entity: 'a', address: 'x' }] },
    'events[0].address: expected an IP address, got "x": it is not an IP address.',
  ],
  [
    '/v1/score',
    { events: Array(1001).fill({ entity: 'a', address: '9.1.2.3' }) },
    'events: Too big: expected array to have <=1000 items.',
  ],
  [
    '/v1/observe',
    { entity: 'a\nb', address: '9.1.2.3' },
    'entity: expected an entity without line breaks, got "a\\nb".',
  ],
];
for (const [path, body, error] of V1) {
  test(`400 for ${path}: ${JSON.stringify(body).slice(0, 60)}`, async () => {
    const answer = await post(url + path, JSON.stringify(body));
    assert.deepEqual([answer.status, answer.json], [400, { error }], answer.text);
  });
}

for (const time of [-1, 'yesterday', '2999-01-01', 1e300, '']) {
  test(`400 for an event observed at ${JSON.stringify(time)}`, async () => {
    const answer = await post(`${url}/v1/observe`, JSON.stringify({ entity: 'a', address: '9.1.2.3', time }));
    assert.equal(answer.status, 400, answer.text);
    assert.match(
      answer.json.error,
      /^time: expected seconds since 1970 or ISO 8601, at most a day ahead of /,
    );
  });
}

test("SageMaker's clients get the errors that its runtime would give", async () => {
  const at = `${url}/endpoints/login/invocations`;
  const { status, headers, json } = await post(at, 'a,b', { 'content-type': 'text/csv' });
  assert.deepEqual([status, headers.get('x-amzn-errortype')], [424, 'ModelError']);
  const message = 'line 1: expected an IP address in field 2, got "b": it is not an IP address.';
  assert.deepEqual([json.OriginalStatusCode, json.OriginalMessage], [400, message]);
  const large = await post(at, 'a,9.1.2.3\n'.repeat(20_001), { 'content-type': 'text/csv' });
  assert.deepEqual([large.status, large.headers.get('x-amzn-errortype')], [400, 'ValidationError']);
});

test('nothing of all that is in the log', () => {
  assert.deepEqual(
    log.filter(({ level }) => Number(level) > 30),
    [],
  );
});

test('a compressed body is refused by the name of its header', async () => {
  const { status, json } = await post(`${url}/invocations`, gzipSync('user_1,9.1.2.3'), {
    'content-type': 'text/csv',
    'content-encoding': 'gzip',
  });
  assert.deepEqual([status, json], [415, { error: 'Content-Encoding: expected none, got "gzip".' }]);
});

test('routes that take JSON take less of it, whatever is in it', async () => {
  const { url, stop } = await startServer();
  for (const path of ['/v1/score', '/v1/observe']) {
    for (const body of [
      '['.repeat(600_000),
      JSON.stringify({ entity: 'a'.repeat(600_000), address: '9.1.2.3' }),
    ]) {
      const { status, json } = await post(url + path, body);
      assert.deepEqual(
        [status, json.error],
        [413, 'body: expected at most 500000 bytes, got more. Send it in parts.'],
      );
    }
    assert.equal((await post(url + path, '['.repeat(400_000))).status, 400);
  }
  assert.equal(await stop(), 0);
});

test('413 arrives at clients that are still sending', async () => {
  for (let i = 0; i < 5; i++) {
    const { status } = await post(`${url}/invocations`, new Uint8Array(20_000_000).fill(97), {
      'content-type': 'text/csv',
    });
    assert.equal(status, 413);
  }
});

/** Clients that mean harm, or cannot do better. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { get, modelPath, post, startServer, until } from './sampleServer.ts';

const CSV = { 'content-type': 'text/csv' };

async function open(port: number): Promise<{ socket: Socket; text: () => string; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

const HEAD = 'POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n';

test('a body that never ends is given up after the time-out, with 408; others are answered meanwhile', async () => {
  const { url, stop } = await startServer([modelPath, '--timeout', '1']);
  const { socket, text, closed } = await open(Number(new URL(url).port));
  socket.write(`${HEAD}Content-Length: 100\r\n\r\nuser_1,`);
  assert.equal((await post(`${url}/invocations`, 'user_1,9.1.2.3', CSV)).status, 200);
  await closed;
  assert.match(text(), /^HTTP\/1\.1 408 /);
  const counted = /^ip_insights_requests_total\{route="\/invocations",status="408"\} 1$/m;
  await until('it is counted', async () => counted.test((await get(`${url}/metrics`)).text));
  const { text: metrics } = await get(`${url}/metrics`);
  assert.match(metrics, /^ip_insights_requests_total\{route="\/invocations",status="408"\} 1$/m);
  await until('its bytes are let go', async () =>
    /^ip_insights_body_bytes 0$/m.test((await get(`${url}/metrics`)).text),
  );
  assert.equal(await stop(), 0);
});

test('clients that go away in the middle leave nothing behind', async () => {
  const { url, stop } = await startServer();
  const port = Number(new URL(url).port);
  for (let i = 0; i < 50; i++) {
    const { socket, closed } = await open(port);
    // In the middle of a body, or of a large answer.
    if (i % 2 === 0) socket.write(`${HEAD}Content-Length: 100000\r\n\r\n${'a,9.1.2.3\n'.repeat(100)}`);
    else socket.write(`${HEAD}Content-Length: 1000000\r\n\r\n${'a,9.1.2.3\n'.repeat(100_000)}`);
    await new Promise((resolve) => setTimeout(resolve, i));
    socket.destroy();
    await closed;
  }
  await until('all is let go', async () => {
    const { text } = await get(`${url}/metrics`);
    return /^ip_insights_body_bytes 0$/m.test(text) && /^ip_insights_requests_in_flight 0$/m.test(text);
  });
  assert.equal((await post(`${url}/invocations`, 'user_1,9.1.2.3', CSV)).status, 200);
  assert.equal(await stop(), 0);
});

test('a client that does not read its answer holds a bounded part of it', async () => {
  const { url, child, stop } = await startServer();
  const { socket } = await open(Number(new URL(url).port));
  socket.pause();
  const body = 'user_1,9.1.2.3\n'.repeat(400_000);
  socket.write(
    `${HEAD}Accept: application/json; detail=full\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  // The answer has some 200 MB; what is made ahead of the reader is a megabyte or so.
  const { text } = await get(`${url}/metrics`);
  const residentBytes = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]);
  assert.ok(residentBytes < 450e6, String(residentBytes));
  socket.destroy();
  await until('it is let go', async () =>
    /^ip_insights_requests_in_flight 0$/m.test((await get(`${url}/metrics`)).text),
  );
  assert.equal(child.exitCode, null);
  assert.equal(await stop(), 0);
});

test('too many and too large headers, and what is no HTTP', async () => {
  const { url, stop } = await startServer();
  const port = Number(new URL(url).port);
  for (const [request, status] of [
    [`GET /ping HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    [
      `GET /ping HTTP/1.1\r\nHost: a\r\n${Array.from({ length: 3000 }, (_, i) => `X-${i}: aaaa\r\n`).join('')}\r\n`,
      431,
    ],
    ['\x16\x03\x01\x02\x00\x01\x00', 400],
    ['GET /ping HTTP/9.9\r\n\r\n', 400],
    [`${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`${HEAD}Content-Length: -5\r\n\r\n`, 400],
    [`${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
  ] as const) {
    const { socket, text, closed } = await open(port);
    socket.write(request);
    await closed;
    assert.match(text(), new RegExp(`^HTTP/1\\.1 ${status} `), request.slice(0, 60));
  }
  assert.equal((await get(`${url}/ping`)).status, 200);
  assert.equal(await stop(), 0);
});

test('10,000 slow connections, and ping and invocations are answered', { timeout: 120_000 }, async () => {
  const { url, child, stop } = await startServer([modelPath, '--timeout', '60']);
  const port = Number(new URL(url).port);
  // Two processes, as one may have too few files.
  const code = `
    const { connect } = require('node:net');
    let open = 0;
    const one = () => {
      const socket = connect(${port}, '127.0.0.1', () => {
        socket.write('POST /invocations HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: text/csv\\r\\nContent-Length: 1000\\r\\n\\r\\nuser');
        if (++open === 5000) console.log('open');
        else if (open + 100 <= 5000) one();
      });
      socket.on('error', (error) => { console.error(error.message); process.exit(1); });
    };
    for (let i = 0; i < 100; i++) one();`;
  const clients = [1, 2].map(() =>
    spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  try {
    const opened = clients.map(async (client) => {
      const [line] = await Promise.race([once(client.stdout!, 'data'), once(client, 'exit')]);
      assert.equal(String(line), 'open\n');
    });
    await Promise.all(opened);
    for (let i = 0; i < 20; i++) {
      assert.equal((await get(`${url}/ping`)).status, 200);
      assert.equal((await post(`${url}/invocations`, 'user_1,9.1.2.3', CSV)).status, 200);
    }
    assert.equal(child.exitCode, null);
  } finally {
    for (const client of clients) client.kill('SIGKILL');
  }
  await until('all is let go', async () =>
    /^ip_insights_body_bytes 0$/m.test((await get(`${url}/metrics`)).text),
  );
  assert.equal(await stop(), 0);
});

test('100,000 odd requests: no failure of ours, and the server goes on', { timeout: 300_000 }, async () => {
  const { url, log, child, stop } = await startServer([modelPath, '--log-level', 'warn'].slice(0, 1));
  const word = fc.constantFrom(
    'user_1',
    '9.1.2.3',
    '2001:db8::1',
    '__proto__',
    'constructor',
    'features',
    'é',
    '\u0000',
    '"',
    ',',
    '\n',
    '',
    '999.1.1.1',
    'NaN',
    '\ud800',
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      word,
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        fc.constantFrom('instances', 'features', 'data', 'values', '__proto__', 'toString', 'x'),
        tie('value'),
        { maxKeys: 4 },
      ),
    ),
  })).value;
  const near = fc.array(
    fc.oneof(
      fc.record({ features: fc.tuple(word, word) }),
      fc.record({ data: fc.record({ features: fc.record({ values: fc.array(word, { maxLength: 3 }) }) }) }),
      json,
    ),
    { maxLength: 4 },
  );
  const text = fc.oneof(
    json.map((value) => JSON.stringify(value)),
    near.map((instances) => JSON.stringify({ instances })),
    near.map((instances) => instances.map((one) => JSON.stringify(one)).join('\n')),
    fc
      .array(
        fc.array(word, { maxLength: 4 }).map((fields) => fields.join(',')),
        { maxLength: 6 },
      )
      .map((lines) => lines.join('\n')),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.tuple(near, fc.nat(80), word).map(([instances, at, odd]) => {
      const whole = JSON.stringify({ instances });
      return whole.slice(0, at) + odd + whole.slice(at);
    }),
  );
  const body = fc.oneof(
    { weight: 6, arbitrary: text.map((one) => Buffer.from(one)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map((one) => Buffer.from(one)) },
  );
  const type = fc.constantFrom(
    'text/csv',
    'application/json',
    'application/jsonlines',
    'text/csv; label_size=0',
    'application/json; charset=latin1',
    'nonsense',
    '',
  );
  const accept = fc.constantFrom(
    '',
    '*/*',
    'application/json; verbose=True',
    'application/jsonlines',
    'application/json; detail=full',
  );
  const path = fc.constantFrom(
    '/invocations',
    '/invocations',
    '/endpoints/a/invocations',
    '/v1/score',
    '/v1/observe',
    '/models/a/invoke',
  );
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const statuses = new Map<number, number>();
  let answered = 0;
  let rest = '';
  // Requests follow each other on one connection, so that a body read wrongly would be taken for the next request.
  socket.setEncoding('latin1');
  socket.on('data', (data) => {
    rest += data;
    for (const match of rest.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
      answered++;
      statuses.set(Number(match[1]), (statuses.get(Number(match[1])) ?? 0) + 1);
    }
    rest = rest.slice(rest.lastIndexOf('HTTP/1.1 ') >= 0 ? rest.length - 12 : 0).slice(-12);
  });
  await once(socket, 'connect');
  const REQUESTS = 100_000;
  const samples = fc
    .sample(fc.tuple(path, type, accept, body), { numRuns: 5000, seed: 1 })
    .map(([to, contentType, accepted, bytes]) =>
      Buffer.concat([
        Buffer.from(
          `POST ${to} HTTP/1.1\r\nHost: a\r\n${contentType && `Content-Type: ${contentType}\r\n`}${accepted && `Accept: ${accepted}\r\n`}Content-Length: ${bytes.length}\r\n\r\n`,
        ),
        bytes,
      ]),
    );
  const AT_ONCE = 500;
  for (let sent = 0; sent < REQUESTS; sent += AT_ONCE) {
    socket.write(
      Buffer.concat(Array.from({ length: AT_ONCE }, (_, i) => samples[((sent + i) * 7919) % samples.length])),
    );
    // The next ones are there before the server has answered these, so that it never waits for us.
    await until(`${sent} answers`, () => answered >= sent);
  }
  await until('all answers', () => answered >= REQUESTS);
  socket.destroy();
  assert.equal(answered, REQUESTS);
  const codes = [...statuses.keys()].sort();
  assert.deepEqual(
    codes.filter((code) => code >= 500),
    [],
  );
  for (const code of [200, 400, 404, 415, 424]) assert.ok(codes.includes(code), `${code} of ${codes}`);
  assert.deepEqual(
    log.filter(({ level }) => Number(level) > 30),
    [],
  );
  assert.equal(child.exitCode, null);
  assert.equal((await post(`${url}/invocations`, 'user_1,9.1.2.3', CSV)).status, 200);
  assert.equal(await stop(), 0);
});

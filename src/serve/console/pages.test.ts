import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { folder, get, modelPath, post, startServer } from '../sampleServer.ts';

const main = join(import.meta.dirname, '../../cli/main.js');
const tokenFile = join(folder, 'tokens');
writeFileSync(tokenFile, 'correct-horse\n');
const open = await startServer([modelPath, '--console']);
const guarded = await startServer([modelPath, '--console', '--token-file', tokenFile]);
const plain = await startServer([modelPath]);
after(() => Promise.all([open, guarded, plain].map((server) => server.stop())));

/** A request with headers that `fetch` does not let anybody set. */
async function asked(
  url: string,
  headers: Record<string, string>,
  method = 'GET',
  body = '',
): Promise<{ status: number; text: string }> {
  const sent = request(url, { method, headers });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const piece of response) text += piece;
  return { status: response.statusCode, text };
}

test('the pages need no token, and what they ask does', async () => {
  for (const path of ['/console/', '/console/licenses.md']) {
    assert.equal((await get(`${guarded.url}${path}`)).status, 200, path);
  }
  assert.equal((await get(`${guarded.url}/v1/model`)).status, 401);
  const { status } = await get(`${guarded.url}/v1/model`, { authorization: 'Bearer correct-horse' });
  assert.equal(status, 200);
});

test('a page runs nothing but the scripts of this server, and lies in no frame', async () => {
  const { headers, text } = await get(`${open.url}/console/`);
  const policy = headers.get('content-security-policy')!;
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
  assert.match(policy, /frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types drawing$/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.equal(headers.get('cache-control'), 'no-cache');
  const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(text)![1];
  const answer = await get(`${open.url}/console/${script}`);
  assert.equal(answer.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
});

test('/ and /console lead to the pages; without --console there are none', async () => {
  for (const path of ['/', '/console']) {
    const answer = await asked(`${open.url}${path}`, {});
    assert.equal(answer.status, 302, path);
  }
  assert.equal((await get(`${plain.url}/console/`)).status, 404);
  assert.equal((await get(`${plain.url}/`)).status, 404);
});

const PATHS = [
  '/console/../package.json',
  '/console/%2e%2e/index.js',
  '/console/assets/',
  '/console/nothing.js',
];
for (const path of PATHS) {
  test(`there is no ${path}`, async () => {
    assert.equal((await asked(`${open.url}${path}`, {})).status, 404);
  });
}

test('pages of other sites are refused, links to the console are not', async () => {
  const score = JSON.stringify({ entity: 'user_1', address: '9.1.0.0' });
  const json = { 'content-type': 'application/json' };
  for (const site of ['cross-site', 'same-site']) {
    for (const path of ['/v1/score', '/invocations']) {
      const { status, text } = await asked(
        `${open.url}${path}`,
        { ...json, 'sec-fetch-site': site },
        'POST',
        score,
      );
      assert.equal(status, 403);
      assert.equal(
        JSON.parse(text).error,
        'Sec-Fetch-Site: expected a page of this server, got one of another.',
      );
    }
    const link = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' };
    assert.equal((await asked(`${open.url}/console/`, link)).status, 200);
  }
  for (const site of ['same-origin', 'none']) {
    const { status } = await asked(
      `${open.url}/v1/score`,
      { ...json, 'sec-fetch-site': site },
      'POST',
      score,
    );
    assert.equal(status, 200);
  }
  const elsewhere = { ...json, 'sec-fetch-site': 'cross-site' };
  assert.equal((await asked(`${plain.url}/v1/score`, elsewhere, 'POST', score)).status, 200);
});

test('without tokens, a name of another site that leads to this machine is refused', async () => {
  const { status, text } = await asked(`${open.url}/v1/model`, { host: 'evil.example:80' });
  assert.equal(status, 403);
  assert.equal(
    JSON.parse(text).error,
    'Host: expected an address or localhost, got "evil.example". Start the server with --token-file to be asked by names.',
  );
  for (const host of ['localhost:8080', '127.0.0.1', '[::1]:99', 'console.localhost']) {
    assert.equal((await asked(`${open.url}/v1/model`, { host })).status, 200, host);
  }
  const named = { host: 'scores.example', authorization: 'Bearer correct-horse' };
  assert.equal((await asked(`${guarded.url}/v1/model`, named)).status, 200);
});

test('what is answered is the same with the console as without', async () => {
  const body = 'user_1,9.1.0.0\nuser_2,8.8.8.8\n';
  const csv = { 'content-type': 'text/csv' };
  const [one, other] = await Promise.all(
    [open, plain].map(({ url }) => post(`${url}/invocations`, body, csv)),
  );
  assert.equal(one.text, other.text);
});

const REFUSED: [string, string[], string][] = [
  [
    'a console for everybody, without tokens',
    ['serve', modelPath, '--console', '--host', '0.0.0.0'],
    '--console: shows accounts and their addresses, and changes the threshold. Add --token-file, or listen on 127.0.0.1 only (now 0.0.0.0).',
  ],
  [
    'a number of recent events that is none',
    ['console', modelPath, '--recent', 'x'],
    '--recent: expected an integer from 0 to 100000, got "x".',
  ],
  [
    'a model that is not there',
    ['console', 'no.model'],
    'no.model: there is no such file. Check the name, or the folder that the command runs in.',
  ],
];
for (const [name, args, message] of REFUSED) {
  test(`refused: ${name}`, () => {
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.notEqual(status, 0);
    assert.ok(stderr.includes(message), stderr);
  });
}

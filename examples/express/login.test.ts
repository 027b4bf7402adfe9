import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMAND, challenged, folder, PERSON, post, start, usual, writeModel } from '../exampleRun.ts';
import { loginContract } from '../loginContract.ts';

const model = join(folder, 'login.model');
await writeModel(model, Math.floor(Date.now() / 1000) - 86_400);
const main = join(import.meta.dirname, 'login.js');
const token = 'a-token-of-the-test';
writeFileSync(join(folder, 'token'), token);
const scoring = await start(
  [COMMAND, 'serve', model, '--port', '0', '--token-file', 'token', '--threads', '1'],
  {},
  /"url":"http:\/\/127\.0\.0\.1:(\d+)"/,
);
const startLogin = (env: NodeJS.ProcessEnv) =>
  start(
    [main],
    { IP_INSIGHTS_URL: scoring.url, IP_INSIGHTS_TOKEN: token, NODE_ENV: 'production', ...env },
    /listening on .*port: (\d+)/,
  );

const server = await loginContract(startLogin);
const [HOME, PROXY] = [usual(1, 3), { TRUSTED_PROXIES: 'loopback' }];

test('a server that hangs costs half a second and a code, until it is back', async () => {
  scoring.child.kill('SIGSTOP');
  const asked = await challenged(server, HOME);
  assert.equal((await post(`${server.url}/login/code`, asked, HOME)).status, 200);
  await server.says(/\/v1\/observe: .*Timeout/);
  scoring.child.kill('SIGCONT');
  const deadline = Date.now() + 30_000;
  while ((await post(`${server.url}/login`, PERSON, HOME)).status !== 200) assert.ok(Date.now() < deadline);
});

test('a wrong token asks everybody for a code, and says why', async () => {
  const other = await startLogin({ ...PROXY, IP_INSIGHTS_TOKEN: 'wrong' });
  const asked = await challenged(other, HOME);
  assert.match(other.text(), /\/v1\/score: Error: 401 /);
  assert.equal((await post(`${other.url}/login/code`, asked, HOME)).status, 200);
  await other.stop();
});

test('a server that is down asks everybody for a code', async () => {
  await scoring.stop('SIGKILL');
  const asked = await challenged(server, HOME);
  assert.equal((await post(`${server.url}/login/code`, asked, HOME)).status, 200);
  await server.says(/\/v1\/score: \[?TypeError: fetch failed/);
});

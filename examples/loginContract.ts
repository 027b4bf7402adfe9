/** What both login servers promise, one suite for the two. Tests only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { challenged, PERSON, post, type Running, usual } from './exampleRun.ts';

const HOME = usual(1, 3);

/** @param start a server with this environment; the tests are the proxy that stands on loopback */
export async function loginContract(start: (env: NodeJS.ProcessEnv) => Promise<Running>): Promise<Running> {
  const server = await start({ TRUSTED_PROXIES: 'loopback' });
  const login = (address?: string, body: unknown = PERSON) => post(`${server.url}/login`, body, address);
  const answer = (body: unknown, address?: string) => post(`${server.url}/login/code`, body, address);

  test('a usual address needs no second factor: IPv4, mapped IPv4 and IPv6', async () => {
    for (const address of [HOME, `::ffff:${HOME}`, usual(1, 5)]) {
      const deadline = Date.now() + 10_000;
      let answered = await login(address);
      // On a busy machine a score may take longer than the half second that one of the servers waits, which costs a code.
      while (answered.status === 202 && Date.now() < deadline) answered = await login(address);
      const { status, cookie, json } = answered;
      assert.deepEqual([status, json], [200, { account: 'user_1' }]);
      for (const mark of ['session=', 'HttpOnly', 'Secure', 'SameSite=Lax'])
        assert.ok(cookie!.includes(mark));
    }
  });

  test('a strange address needs a code, and is usual after it', async () => {
    const address = '185.70.40.5';
    const { challenge, code } = await challenged(server, address);
    const { status, cookie } = await answer({ challenge, code: ` ${code} ` }, address);
    assert.deepEqual([status, cookie?.startsWith('session=')], [200, true]);
    // One of the servers tells another one, which nobody waits for.
    const deadline = Date.now() + 30_000;
    while ((await login(address)).status !== 200) assert.ok(Date.now() < deadline, 'it was not observed');
  });

  test('wrong passwords get the same answer whoever they are for, and teach nothing', async () => {
    const address = '91.198.174.9';
    for (const account of ['user_1', 'nobody', '__proto__', 'constructor', '']) {
      const { status, cookie, json } = await login(address, { account, password: 'wrong' });
      assert.deepEqual([account, status, cookie, json], [account, 401, null, { error: 'wrong password' }]);
    }
    await challenged(server, address);
  });

  test('a code works once, from the address that asked for it, within three tries', async () => {
    const address = '62.115.1.1';
    const refused = async (body: unknown, from = address) => {
      const { status, cookie } = await answer(body, from);
      assert.deepEqual([status, cookie], [401, null]);
    };
    const first = await challenged(server, address);
    for (const code of ['0000000000', first.code.slice(1), '']) await refused({ ...first, code });
    await refused(first);
    const second = await challenged(server, address);
    await refused({ ...second, challenge: first.challenge });
    await refused(second, '62.115.1.2');
    for (const code of ['0000000000', `${second.code}0`]) await refused({ ...second, code });
    assert.equal((await answer(second, address)).status, 200);
    const third = await challenged(server, '80.91.240.1');
    assert.equal((await answer(third, '80.91.240.1')).status, 200);
    await refused(third, '80.91.240.1');
  });

  test('what a client says about its address does not count, what the proxy adds does', async () => {
    assert.equal((await login(`${HOME}, 134.147.7.7`)).status, 202);
    assert.equal((await login(`134.147.7.7, ${HOME}`)).status, 200);
  });

  test('addresses that say nothing, or are none, ask for a code and lock nobody out', async () => {
    for (const address of ['10.0.0.7', 'fe80::1', 'unknown', '9.1.3.39:4711', '1.2.3.4.5']) {
      const asked = await challenged(server, address);
      assert.equal((await answer(asked, address)).status, 200, address);
    }
  });

  test('bodies that are none are refused, whatever they hold', async () => {
    const [challenge, code] = ['x', 'y'];
    const bodies: unknown[] = ['', '{', 'null', '[]', '"text"', '7', '{}', '{"account":"user_1"}'];
    bodies.push('{"__proto__":{"account":"user_1","password":"correct horse"}}');
    for (const odd of [null, 7, true, ['user_1'], { toString: 1 }, { length: 6 }]) {
      bodies.push({ account: odd, password: odd }, { challenge, code: odd }, { challenge: odd, code });
    }
    for (const body of bodies) {
      for (const { status, cookie } of [await login(HOME, body), await answer(body, HOME)]) {
        assert.ok(status >= 400 && status < 500 && cookie === null, `${status}: ${JSON.stringify(body)}`);
      }
    }
    const asked = await challenged(server, '62.115.9.9');
    for (const odd of [null, 7, { toString: 1 }, { trim: 1 }]) {
      const { status } = await answer({ ...asked, code: odd }, '62.115.9.9');
      assert.ok(status >= 400 && status < 500, String(status));
    }
    assert.equal((await login(HOME)).status, 200);
  });

  test('without a list of proxies no header counts, and a code that is too old is refused', async () => {
    const bare = await start({ CODE_MINUTES: '0' });
    const asked = await challenged(bare, HOME);
    // Deriving a key takes the server longer than the code lives.
    const wrong = await post(`${bare.url}/login`, { ...PERSON, password: 'wrong' });
    assert.equal(wrong.status, 401);
    assert.equal((await post(`${bare.url}/login/code`, asked)).status, 401);
    await bare.stop();
  });

  return server;
}

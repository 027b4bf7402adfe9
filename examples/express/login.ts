/**
 * A login that asks for a second factor where the address is strange: Express and `ip-insights serve`
 *     POST /login {account, password}      200 and a session; or 202 {challenge}, and a code is on its way
 *     POST /login/code {challenge, code}   200 and a session
 */
import { randomBytes, randomUUID, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import express, { type Response } from 'express';

const { PORT = '3000', TRUSTED_PROXIES, CODE_MINUTES = '10' } = process.env;
const { IP_INSIGHTS_URL = 'http://127.0.0.1:8080', IP_INSIGHTS_TOKEN } = process.env;
const app = express().use(express.json());
// Anybody can send X-Forwarded-For: only what your own proxies add to it counts. TRUSTED_PROXIES=10.1.0.0/16
app.set('trust proxy', TRUSTED_PROXIES || false);

// Placeholders for what you have: accounts, mail, sessions, and a store for logins that wait for their code.
const derive = promisify<string, Buffer, number, Buffer>(scrypt);
const salt = randomBytes(16);
const accounts = new Map([['user_1', { salt, key: await derive('correct horse', salt, 32) }]]);
const sendCode = (account: string, code: string) => console.log(`to ${account}: your code is ${code}`);
const startSession = (reply: Response, account: string) =>
  reply.cookie('session', randomUUID(), { httpOnly: true, secure: true, sameSite: 'lax' }).json({ account });
const waiting = new Map<unknown, { account: string; address: string; code: string; triesLeft: number }>();

async function isPassword(account: string, password: string): Promise<boolean> {
  // A name that nobody has takes as long as any other.
  const { salt, key } = accounts.get(account) ?? { salt: randomBytes(16), key: randomBytes(32) };
  return timingSafeEqual(await derive(password, salt, 32), key);
}

/** What `ip-insights serve` answers; undefined where it does not. Nobody should wait longer for it. */
async function ask(route: string, entity: string, address: string) {
  try {
    const headers = { authorization: `Bearer ${IP_INSIGHTS_TOKEN}`, 'content-type': 'application/json' };
    const [body, signal] = [JSON.stringify({ entity, address }), AbortSignal.timeout(500)];
    const answer = await fetch(IP_INSIGHTS_URL + route, { method: 'POST', headers, body, signal });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { verdict?: string };
  } catch (error) {
    console.error(`${IP_INSIGHTS_URL}${route}:`, error);
    return undefined;
  }
}

/** Whether the address fits the account. Where nobody can tell, it does not: that costs a code, no more. */
async function fits(account: string, address: string): Promise<boolean> {
  const score = await ask('/v1/score', account, address);
  // For your own eyes: the client is not told what would have been usual.
  if (score?.verdict !== 'ok') console.warn('second factor:', JSON.stringify(score));
  // `unknown` asks for a code too: a private address says nothing of who is behind it.
  return score?.verdict === 'ok';
}

app.post('/login', async ({ body, ip: address = '' }, reply) => {
  const { account, password } = body ?? {};
  if (typeof account !== 'string' || typeof password !== 'string') return reply.sendStatus(400);
  if (!(await isPassword(account, password))) return reply.status(401).json({ error: 'wrong password' });
  if (await fits(account, address)) return startSession(reply, account);
  // 40 bits: nobody guesses that in three tries, however often. Six digits need a limit for each account.
  const [challenge, code] = [randomUUID(), randomBytes(5).toString('hex')];
  waiting.set(challenge, { account, address, code, triesLeft: 3 });
  setTimeout(() => waiting.delete(challenge), Number(CODE_MINUTES) * 60_000);
  sendCode(account, code);
  return reply.status(202).json({ challenge });
});

app.post('/login/code', async ({ body, ip = '' }, reply) => {
  const { challenge, code } = body ?? {};
  const login = waiting.get(challenge);
  const isAllowed = login !== undefined && login.address === ip && login.triesLeft-- > 0;
  if (!isAllowed || typeof code !== 'string' || code.trim() !== login.code) {
    return reply.status(401).json({ error: 'wrong code; after three, or from elsewhere, sign in again' });
  }
  waiting.delete(challenge);
  // Known honest from now on. The person need not wait for that, nor for a server that is down.
  void ask('/v1/observe', login.account, login.address);
  return startSession(reply, login.account);
});

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log('listening on', server.address()));

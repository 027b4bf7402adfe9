/**
 * A login that asks for a second factor where the address is strange: Fastify, with the model in process
 *     POST /login {account, password}      200 and a session; or 202 {challenge}, and a code is on its way
 *     POST /login/code {challenge, code}   200 and a session
 */
import { randomBytes, randomUUID, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import Fastify, { type FastifyReply } from 'fastify';
import { loadModel } from 'ip-insights';

const { PORT = '3000', TRUSTED_PROXIES, CODE_MINUTES = '10' } = process.env;
const model = loadModel(process.argv[2] ?? 'login.model');
// Anybody can send X-Forwarded-For: only what your own proxies add to it counts. TRUSTED_PROXIES=10.1.0.0/16
const app = Fastify({ logger: true, trustProxy: TRUSTED_PROXIES || false });

// Placeholders for what you have: accounts, mail, sessions, and a store for logins that wait for their code.
const derive = promisify<string, Buffer, number, Buffer>(scrypt);
const salt = randomBytes(16);
const accounts = new Map([['user_1', { salt, key: await derive('correct horse', salt, 32) }]]);
const sendCode = (account: string, code: string) => console.log(`to ${account}: your code is ${code}`);
const startSession = (reply: FastifyReply, account: string) =>
  reply.header('set-cookie', `session=${randomUUID()}; HttpOnly; Secure; SameSite=Lax`).send({ account });
const waiting = new Map<string, { account: string; address: string; code: string; triesLeft: number }>();

async function isPassword(account: string, password: string): Promise<boolean> {
  // A name that nobody has takes as long as any other.
  const { salt, key } = accounts.get(account) ?? { salt: randomBytes(16), key: randomBytes(32) };
  return timingSafeEqual(await derive(password, salt, 32), key);
}

/** Whether the address fits the account. Where nobody can tell, it does not: that costs a code, no more. */
function fits(account: string, address: string): boolean {
  try {
    const { verdict, anomaly, reasons } = model.score(account, address);
    // For your own eyes: the client is not told what would have been usual.
    if (verdict !== 'ok') app.log.warn({ account, address, verdict, anomaly, reasons }, 'second factor');
    // `unknown` asks for a code too: a private address says nothing of who is behind it.
    return verdict === 'ok';
  } catch (err) {
    app.log.error({ err, account, address }, 'not scored: second factor');
    return false;
  }
}

const texts = (...required: string[]) => ({
  schema: { body: { type: 'object', required, additionalProperties: { type: 'string' } } },
});
type Texts = { Body: Record<string, string> };

app.post<Texts>('/login', texts('account', 'password'), async ({ body, ip: address }, reply) => {
  const { account, password } = body;
  if (!(await isPassword(account, password))) return reply.code(401).send({ error: 'wrong password' });
  if (fits(account, address)) return startSession(reply, account);
  // 40 bits: nobody guesses that in three tries, however often. Six digits need a limit for each account.
  const [challenge, code] = [randomUUID(), randomBytes(5).toString('hex')];
  waiting.set(challenge, { account, address, code, triesLeft: 3 });
  setTimeout(() => waiting.delete(challenge), Number(CODE_MINUTES) * 60_000);
  sendCode(account, code);
  return reply.code(202).send({ challenge });
});

app.post<Texts>('/login/code', texts('challenge', 'code'), async ({ body, ip }, reply) => {
  const login = waiting.get(body.challenge);
  const isAllowed = login !== undefined && login.address === ip && login.triesLeft-- > 0;
  if (!isAllowed || body.code.trim() !== login.code) {
    return reply.code(401).send({ error: 'wrong code; after three, or from elsewhere, sign in again' });
  }
  waiting.delete(body.challenge);
  try {
    // Known honest from now on, until the next start: what must last longer belongs in a file, for `update`.
    model.observe(login.account, login.address, Date.now() / 1000);
  } catch (err) {
    app.log.error({ err }, 'not observed');
  }
  return startSession(reply, login.account);
});

await app.listen({ port: Number(PORT), host: '127.0.0.1' });

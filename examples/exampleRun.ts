/** What the tests of the examples share: a small model, servers that run, requests. Tests only. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { saveModel, train } from 'ip-insights';

export const ROOT = join(import.meta.dirname, '../..');
/** The sources: what is no TypeScript is run from there. */
export const EXAMPLES = join(ROOT, 'examples');
export const COMMAND = join(ROOT, 'dist/cli/main.js');

/** Where a test leaves its files. */
export const folder = mkdtempSync(join(tmpdir(), 'ip-insights-example-'));

/** An account's usual networks: a /20 and a /48 of its own. */
export const usual = (user: number, i: number) =>
  i % 5 === 0 ? `2a02:${user}::${i % 11}` : `9.${user}.${i % 16}.${(i * 13) % 250}`;

/** Twenty accounts, forty logins each, one a minute up to `end` (seconds since 1970). */
export const logins = (end: number) =>
  Array.from({ length: 800 }, (_, i) => ({
    entity: `user_${i % 20}`,
    address: usual(i % 20, Math.floor(i / 20) * 7),
    time: end - (800 - i) * 60,
  }));

/** Trains on such logins. */
export async function writeModel(path: string, end: number): Promise<void> {
  const hyperparameters = { vectorDim: 8, epochs: 3, miniBatchSize: 100, learningRate: 0.05 };
  saveModel(await train(logins(end), { hyperparameters, threads: 1 }), path);
}

export interface Running {
  url: string;
  child: ChildProcess;
  /** all that it has said */
  text(): string;
  /** waits for words of it; those that were said before count too */
  says(words: RegExp): Promise<RegExpMatchArray>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Starts a server on a free port. @param listening group 1 is its port, once it listens */
export async function start(args: string[], env: NodeJS.ProcessEnv, listening: RegExp): Promise<Running> {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let text = '';
  const heard = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more) => {
      text += more;
      for (const look of heard) look();
    });
  }
  const says = (words: RegExp) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const end = () => reject(new Error(`ended, or a minute went by, before it said ${words}: ${text}`));
      const deadline = setTimeout(end, 60_000);
      const look = () => {
        const match = words.exec(text);
        if (!match) return;
        heard.delete(look);
        clearTimeout(deadline);
        child.removeListener('close', end);
        resolve(match);
      };
      heard.add(look);
      child.once('close', end);
      look();
    });
  const port = (await says(listening))[1];
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    says,
    text: () => text,
    async stop(signal = 'SIGTERM') {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
      running.delete(child);
    },
  };
}

export interface Answer {
  status: number;
  cookie: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: the tests know what they ask for
  json: any;
}

/** A POST of JSON by a client at `address`, as the proxy on loopback forwards it. */
export async function post(url: string, body: unknown, address?: string): Promise<Answer> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(address === undefined ? {} : { 'x-forwarded-for': address }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    // Whoever signs in waits no longer than that, whatever else hangs.
    signal: AbortSignal.timeout(30_000),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return {
    status: answer.status,
    cookie: answer.headers.get('set-cookie'),
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** Signs in from an address that asks for a code. @returns the challenge, and the code from the "mail" */
export async function challenged(
  server: Running,
  address?: string,
): Promise<{ challenge: string; code: string }> {
  const before = server.text().length;
  const { status, cookie, json } = await post(`${server.url}/login`, PERSON, address);
  assert.deepEqual([status, cookie, Object.keys(json)], [202, null, ['challenge']]);
  await server.says(new RegExp(`^[^]{${before},}to user_1: your code is \\w+\n`));
  const [code] = [
    ...server
      .text()
      .slice(before)
      .matchAll(/your code is (\w+)/g),
  ]
    .at(-1)!
    .slice(1);
  return { challenge: json.challenge, code };
}

export const PERSON = { account: 'user_1', password: 'correct horse' };

/** A small model, and servers of it as a user starts them. Tests only; not part of the package. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Model } from '../model/model.ts';
import { readSharedModel } from '../model/sharedBytes.ts';
import { openSharedModel } from '../model/sharedModel.ts';

export const folder = mkdtempSync(join(tmpdir(), 'ip-insights-serve-'));
export const modelPath = join(folder, 'login.model');

/** Thirty accounts of a network each, forty events an account, one an hour. */
export const START = Date.UTC(2024, 0, 1) / 1000;
export const events = Array.from({ length: 1200 }, (_, i) => ({
  entity: `user_${i % 30}`,
  address: i % 7 === 0 ? `2001:db8:${i % 30}::${i % 11}` : `9.${i % 30}.${(i * 7) % 16}.${(i * 13) % 250}`,
  time: START + i * 3600,
}));

const main = join(import.meta.dirname, '../cli/main.js');
writeFileSync(
  join(folder, 'train.csv'),
  events.map(({ entity, address, time }) => `${entity},${address},${time}\n`).join(''),
);
const trained = spawnSync(
  process.execPath,
  [
    ...[main, 'train', 'train.csv', '--model', modelPath, '--threads', '1'],
    ...['--vector-dim', '8', '--epochs', '2', '--mini-batch-size', '100', '--learning-rate', '0.02'],
  ],
  { cwd: folder, encoding: 'utf8' },
);
assert.equal(trained.status, 0, trained.stderr);

export const model: Model = openSharedModel(readSharedModel(modelPath, 1), 0);

export interface RunningServer {
  url: string;
  child: ChildProcess;
  /** what it has logged so far, an object a line */
  log: Record<string, unknown>[];
  /** of its standard error, lines that are no JSON included */
  text(): string;
  /** how it has ended: its exit code, or the signal that killed it */
  ended: Promise<number | NodeJS.Signals>;
  /** Asks it to end, and waits. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Starts `ip-insights serve` on a free port of loopback, and waits until it listens. */
export async function startServer(
  args: string[] = [modelPath],
  env: NodeJS.ProcessEnv = {},
): Promise<RunningServer> {
  return listening([main, 'serve', '--port', '0', ...args], env);
}

/** Starts Node with these arguments, which come to a server, and waits until it listens. */
export async function listening(args: string[], env: NodeJS.ProcessEnv): Promise<RunningServer> {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]) => {
    running.delete(child);
    return code ?? signal;
  });
  const log: Record<string, unknown>[] = [];
  let text = '';
  let rest = '';
  const ready = new Promise<string>((resolve, reject) => {
    child.stderr!.on('data', (data) => {
      text += data;
      const lines = (rest + data).split('\n');
      rest = lines.pop()!;
      for (const line of lines.filter((one) => one.startsWith('{'))) {
        const entry = JSON.parse(line);
        log.push(entry);
        if (entry.msg === 'listening') resolve(entry.url);
      }
    });
    ended.then((how) => reject(new Error(`serve ended with ${how}: ${text}`)));
  });
  const url = await ready;
  return {
    url,
    child,
    log,
    text: () => text,
    ended,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** Waits until something is true, a minute at most. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isTrue())) {
    assert.ok(Date.now() < deadline, `not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests know what they ask for
  json: any;
}

/** A POST; the answer as text, and as JSON where it is some. */
export async function post(
  url: string,
  body: string | Uint8Array,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<Answered> {
  return answered(await fetch(url, { method: 'POST', body, headers }));
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Answered> {
  return answered(await fetch(url, { headers }));
}

async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

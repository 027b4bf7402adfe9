/** A console on a small model, in a real browser. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { ROOT } from './markdown.ts';

/** Of Debian's package, as scripts/systemPackages.mjs installs it. */
const CHROMIUM = '/usr/bin/chromium';
export const MAIN = join(ROOT, 'dist/cli/main.js');

export const folder = mkdtempSync(join(tmpdir(), 'ip-insights-console-'));

/** Thirty accounts of a network each, forty events an account, one an hour. */
export const START = Date.UTC(2024, 0, 1) / 1000;
export const events = Array.from({ length: 1200 }, (_, i) => ({
  entity: `user_${i % 30}`,
  address: i % 7 === 0 ? `2001:db8:${i % 30}::${i % 11}` : `9.${i % 30}.${(i * 7) % 16}.${(i * 13) % 250}`,
  time: START + i * 3600,
}));
export const csv = (rows: { entity: string; address: string; time?: number }[]) =>
  rows
    .map(
      ({ entity, address, time }) =>
        `"${entity.replaceAll('"', '""')}",${address}${time === undefined ? '' : `,${time}`}\n`,
    )
    .join('');

export const at = (name: string) => join(folder, name);

/** Runs a command of the checkout to its end. */
export function cli(...args: string[]): string {
  const { status, stderr, stdout } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Trains `login.model` in the folder. */
export function trainSample(): string {
  writeFileSync(at('train.csv'), csv(events));
  cli(
    ...['train', 'train.csv', '--model', 'login.model', '--threads', '1', '--validation', 'train.csv'],
    ...['--vector-dim', '8', '--epochs', '2', '--mini-batch-size', '100', '--learning-rate', '0.02'],
  );
  return at('login.model');
}

export interface RunningConsole {
  /** with its token */
  url: string;
  child: ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** ended after the tests */
export const running = new Set<ChildProcess>();
let browser: Browser | undefined;
after(async () => {
  await browser?.close();
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Starts `ip-insights console` and waits for the address that it prints. */
export async function startConsole(...args: string[]): Promise<RunningConsole> {
  const child = spawn(process.execPath, [MAIN, 'console', '--no-open', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data).trim()));
    child.once('exit', (code) => reject(new Error(`console ended with ${code}: ${said}`)));
  });
  return {
    url,
    child,
    async stop(signal = 'SIGTERM') {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill(signal);
      await ended;
      running.delete(child);
    },
  };
}

export interface OpenPage {
  page: Page;
  /** errors of scripts, refused by the content security policy or unexpected; a test ends by asserting that there are none */
  faults: string[];
  /** method and path of each request */
  requests: string[];
  /** whom the page asked */
  hosts: Set<string>;
}

/** Opens an address in a context of its own. */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  const requests: string[] = [];
  const hosts = new Set<string>();
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const { host, pathname } = new URL(request.url());
    requests.push(`${request.method()} ${pathname}`);
    hosts.add(host);
  });
  await page.goto(url);
  return { page, faults, requests, hosts };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds that is serious or critical; none is expected. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which the content security policy does not bind.
  await page.evaluate(axeSource);
  const results = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: a global of axe-core
    const { violations } = await (globalThis as any).axe.run();
    return violations as { id: string; impact: string; help: string; nodes: { html: string }[] }[];
  });
  return results
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, impact, help, nodes }) =>
        `${impact} ${id}: ${help}: ${nodes[0].html.slice(0, 200)} (${nodes.length})`,
    );
}

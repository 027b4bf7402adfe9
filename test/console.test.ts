import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  at,
  cli,
  csv,
  folder,
  MAIN,
  type OpenPage,
  openPage,
  running,
  START,
  seriousFindings,
  startConsole,
  trainSample,
} from './console.ts';

const model = trainSample();
const VIEWS = ['overview', 'events', 'account', 'map', 'score'];
const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  `${'x'.repeat(10_000)}`,
  '\u202Egnp.exe',
  'שלום עולם',
  '__proto__',
  '=cmd|calc',
];
writeFileSync(
  at('hostile.csv'),
  csv(HOSTILE.map((entity, i) => ({ entity, address: `9.${i}.1.1`, time: START + i }))),
);
writeFileSync(at('none.csv'), '');
writeFileSync(at('one.csv'), csv([{ entity: 'user_1', address: '8.8.8.8' }]));
cli('score', model, 'one.csv', '--out', 'one.jsonl');

/** Waits until a view has what it asked for. */
async function show({ page }: OpenPage, url: string, path: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(new URL(`/console/#/${path}`, url).href, { waitUntil: 'networkidle' });
  await page.getByRole('heading', { level: 1 }).waitFor();
}

for (const file of ['none.csv', 'one.jsonl', 'hostile.csv']) {
  test(`each view of ${file}: no fault, nothing executed, nothing serious for axe-core, no request elsewhere`, async () => {
    const started = await startConsole(model, '--events', file);
    const opened = await openPage(started.url, { colorScheme: file === 'one.jsonl' ? 'dark' : 'light' });
    const { page, faults, requests, hosts } = opened;
    const name = file === 'hostile.csv' ? HOSTILE[0] : 'user_1';
    for (const view of VIEWS) {
      const query = new URLSearchParams({ entity: name, address: '8.8.8.8' });
      await show(opened, started.url, view === 'account' || view === 'score' ? `${view}?${query}` : view);
      assert.doesNotMatch(page.url(), /token/);
      assert.deepEqual(await seriousFindings(page), [], view);
    }
    if (file === 'hostile.csv') {
      await show(opened, started.url, 'events');
      for (const _ of HOSTILE) {
        await page.keyboard.press('j');
        await page.keyboard.press('Enter');
        await page.locator('.ev-opened').waitFor();
      }
      assert.equal(await page.locator('main img, main script').count(), 0);
      for (const entity of HOSTILE) {
        await show(opened, started.url, `account?${new URLSearchParams({ entity })}`);
      }
    }
    assert.deepEqual(faults, []);
    assert.deepEqual([...hosts], [new URL(started.url).host]);
    assert.ok(
      requests.every((one) => !one.includes('alert')),
      requests.join(),
    );
    await started.stop();
  });
}

test('a server that goes away and comes back is waited for, in every view, without a reload', async () => {
  writeFileSync(at('tokens'), 'correct-horse\n');
  const args = ['serve', model, '--console', '--token-file', 'tokens', '--events', 'one.jsonl'];
  let server = await listening(...args, '--port', '0');
  const { port } = new URL(server.url);
  const opened = await openPage(`${server.url}/console/`);
  const { page } = opened;
  await page.getByLabel('Token').fill('wrong');
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByText("none of this server's").waitFor();
  // An address with a token, opened in the same tab, changes only what stands after the sign #.
  await page.evaluate("location.hash = '#token=correct-horse'");
  await page.getByRole('slider').first().waitFor();
  assert.doesNotMatch(page.url(), /token/);
  const tab = await page.context().newPage();
  await tab.goto(`${server.url}/console/#/events`);
  await tab.getByText('1 event').waitFor();
  await tab.close();
  for (const view of ['events', 'score']) {
    await page.evaluate(`location.hash = '#/${view}'`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    server.child.kill('SIGKILL');
    await once(server.child, 'exit');
    if (view === 'events') {
      await page.getByLabel('Account').fill('user');
    } else {
      await page.getByLabel('Account').fill('user_1');
      await page.getByLabel('Address').fill('8.8.8.8');
      await page.getByRole('button', { name: 'Score' }).click();
    }
    await page.getByText('The server does not answer.').first().waitFor();
    server = await listening(...args, '--port', port);
    await page
      .getByText('The server does not answer.')
      .first()
      .waitFor({ state: 'detached', timeout: 20_000 });
    if (view === 'events') await page.getByText('1 of 1 event').waitFor();
    else await page.getByText('The account has never used').waitFor();
  }
  server.child.kill('SIGKILL');
});

/** Starts a server of the command line. */
async function listening(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  let text = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (data) => {
      text += data;
      const line = text.split('\n').find((one) => one.includes('"listening"'));
      if (line !== undefined) resolve(JSON.parse(line).url);
    });
    child.once('exit', () => reject(new Error(text)));
  });
  return { child, url };
}

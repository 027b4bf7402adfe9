import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, seriousFindings, startConsole, trainSample } from './console.ts';

const model = trainSample();

test('the pages run under their content security policy, and axe-core finds nothing serious', async () => {
  const running = await startConsole(model);
  const { page, faults } = await openPage(running.url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.doesNotMatch(page.url(), /token/);
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(faults, []);
  await running.stop();
});

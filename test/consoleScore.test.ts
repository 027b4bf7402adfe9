import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPage, seriousFindings, startConsole, trainSample } from './console.ts';

const model = trainSample();

test('one event is scored, with verdict, reasons and ladder; the link to it shows the same', async () => {
  const running = await startConsole(model);
  const { page, faults } = await openPage(running.url);
  await page.getByRole('link', { name: 'Score one' }).click();
  await page.getByLabel('Account').fill('user_1');
  await page.keyboard.press('Tab');
  await page.keyboard.type(' 9.200.3.4 ');
  await page.keyboard.press('Enter');
  const verdict = page.locator('.score-verdict');
  await verdict.waitFor();
  assert.match(
    (await verdict.textContent())!,
    /^!Suspicioususer_1 from 9\.200\.3\.4: anomaly [\d.]+, at or above the threshold of/,
  );
  assert.match(
    (await page.locator('.score-reasons').textContent())!,
    /The account has never used|The account has used/,
  );
  assert.equal(await page.locator('.ladder .rung').count(), 14);
  await page.waitForURL(/#\/score\?entity=user_1&address=9\.200\.3\.4$/);
  assert.deepEqual(await seriousFindings(page), []);
  await page.reload();
  await verdict.waitFor();
  assert.deepEqual(faults, []);
  await running.stop();
});

test('a bad address is explained at its field; hostile and unknown names are shown as text', async () => {
  const running = await startConsole(model);
  const { page, faults } = await openPage(running.url);
  await page.getByRole('link', { name: 'Score one' }).click();
  const account = page.getByLabel('Account');
  const address = page.getByLabel('Address');
  const button = page.getByRole('button', { name: 'Score', exact: true });
  await button.click();
  await page.getByText('Expected an account, got none.').waitFor();
  await account.fill('user_1');
  await address.fill('198.51.100<i>');
  await button.click();
  await page.getByText('Expected an IP address, got "198.51.100<i>"').waitFor();
  assert.equal(await address.getAttribute('aria-invalid'), 'true');
  assert.equal(await page.evaluate('document.activeElement.id === "score-address"'), true);
  for (const [name, shown] of [
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
    ['\u202eevil\u0000\u0007', '⟨202e⟩evil⟨0⟩⟨7⟩'],
    ['نهار'.repeat(5), 'نهار'.repeat(5)],
    ['long '.repeat(2000), 'long long long'],
  ]) {
    const query = new URLSearchParams({ entity: name, address: '2001:db8:ffff::1' });
    await page.goto(page.url().replace(/#.*/, `#/score?${query}`));
    await page.locator('.score-verdict', { hasText: shown }).waitFor();
    await page.getByText('The model has never seen this account.').waitFor();
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true, shown);
    assert.equal(await page.locator('main img').count(), 0);
  }
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(
    faults.filter((fault) => !fault.includes('400')),
    [],
  );
  await running.stop();
});

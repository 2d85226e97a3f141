import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { StoreError } from '../../src/store/errors.ts';
import { someBatch, someBatches } from '../support/batch-overview.ts';
import { accessibilityFindings, launchBrowser, openPage, policyReports, withoutBrowser } from '../support/browser.ts';
import { type ConsoleHost, startConsoleHost } from '../support/console-host.ts';

describe('the batches and the refusals by key in the console', { skip: withoutBrowser }, () => {
  let browser: Browser;
  let host: ConsoleHost;
  const batches = someBatches(Date.now());
  before(async () => {
    browser = await launchBrowser();
    host = await startConsoleHost('overloaded', { batches });
  });
  after(async () => {
    await browser?.close();
    await host?.close();
  });

  test('shows how far each batch is, and cancels one, by keyboard, on a phone', async () => {
    const { page, context, complaints } = await openPage(browser, `${host.url}#batches`);
    await page.setViewportSize({ width: 390, height: 800 });
    const rows = page.locator('#view tbody tr');
    await rows.nth(4).waitFor();
    const texts = await rows.allTextContents();
    assert.match(texts[0] ?? '', /nightly import.*running, 12 failed.*18,242 of 50,000/);
    assert.match(texts[1] ?? '', /shop.*queued/);
    assert.match(texts[3] ?? '', /completed, 9 failed.*400 of 400/);
    assert.equal(await page.getByRole('button', { name: /Cancel batch/ }).count(), 2, 'those that have not ended');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await rows.first().getByRole('button').focus();
    await page.keyboard.press('Enter');
    await page.locator('dialog.action').getByRole('button', { name: 'Cancel', exact: true }).last().press('Enter');
    await rows.first().getByText('cancelled').waitFor();
    assert.equal(batches.batches[0]?.status, 'cancelled');
    assert.deepEqual([complaints, await policyReports(page), await accessibilityFindings(page)], [[], [], []]);
    await context.close();
  });

  test('follows a batch that is under way, without taking the focus from its button', async () => {
    const { page, context } = await openPage(browser, `${host.url}#batches`);
    const row = page.locator('#view tbody tr', { hasText: 'queued' });
    await row.getByRole('button').focus();
    const queued = batches.batches[1];
    assert.ok(queued);
    batches.batches[1] = { ...queued, done: 600, startedAtMs: Date.now() - 2000 };
    await page.getByText('600 of 800').waitFor();
    assert.match((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) ?? '', /Cancel batch/);
    await context.close();
  });

  test('goes on when the database answers again', async (t) => {
    const away = t.mock.method(batches, 'newest', async () => {
      throw new StoreError('unavailable', 'it is away', undefined, undefined);
    });
    const { page, context } = await openPage(browser, `${host.url}#batches`);
    await page.getByText('Not known: PostgreSQL does not answer').waitFor();
    away.mock.restore();
    await page.locator('#view tbody tr').nth(4).waitFor();
    await context.close();
  });

  test('a page that is left is taken out, so that it asks for nothing any more', async () => {
    const { page, context } = await openPage(browser, `${host.url}#batches`);
    await page.locator('#view tbody tr').first().waitFor();
    await page.evaluate(() => (location.hash = '#overview'));
    await page.locator('#view tbody tr').first().waitFor({ state: 'detached' });
    await context.close();
  });

  test('a name of a key neither turns what follows it nor pushes it away', async (t) => {
    const names = ['\u05e9\u05dc\u05d5\u05dd \u202e evil', 'x'.repeat(200), '<b>bold</b> '.repeat(16)];
    t.mock.method(batches, 'newest', async () =>
      names.map((keyName, index) => someBatch(index, Date.now(), { keyName })),
    );
    const { page, context } = await openPage(browser, `${host.url}#batches`);
    const rows = page.locator('#view tbody tr');
    await rows.nth(2).waitFor();
    for (const [index, name] of names.entries()) {
      const row = rows.nth(index);
      assert.equal(await row.locator('.key-name').textContent(), name);
      const [named, prefix, ends] = await Promise.all(
        [row.locator('.key-name'), row.locator('td code'), row.locator('td').nth(5)].map((part) => part.boundingBox()),
      );
      assert.ok(named && prefix && ends);
      assert.ok(prefix.x >= named.x + named.width, 'the prefix is behind the name');
      assert.equal(await row.locator('td code').innerText(), 'rk_4f2a…');
      assert.ok(ends.x + ends.width <= 1280, 'the whole row is in sight');
    }
    await context.close();
  });

  test('names the keys whose requests are refused, with the reasons', async () => {
    const { page, context } = await openPage(browser, host.url);
    const line = page.locator('.refusals li', { hasText: 'nightly import' });
    await line.waitFor();
    assert.match((await line.textContent()) ?? '', /rate-limited.*6(\.0)? \/s/);
    assert.deepEqual(await accessibilityFindings(page), []);
    await context.close();
  });
});

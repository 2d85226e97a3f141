import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { accessibilityFindings, launchBrowser, openPage, policyReports, withoutBrowser } from '../support/browser.ts';
import { type ConsoleHost, startConsoleHost } from '../support/console-host.ts';
import { eventually } from '../support/raw.ts';

const token = 'a'.repeat(16);
const readToken = 'r'.repeat(16);

describe('the console', { skip: withoutBrowser }, () => {
  let browser: Browser;
  let host: ConsoleHost;
  let locked: ConsoleHost;

  before(async () => {
    browser = await launchBrowser();
    host = await startConsoleHost();
    locked = await startConsoleHost('well', { token, readToken });
  });

  // What one test leaves behind must not fail the others.
  beforeEach(() => host.live.step('well'));

  after(async () => {
    await browser?.close();
    await host?.close();
    await locked?.close();
  });

  test('says the verdict in words, and follows it', async () => {
    const { page, context, complaints } = await openPage(browser, host.url);
    const heading = page.locator('.verdict h1');
    await page.getByText('Everything is in order.').first().waitFor();
    assert.match((await heading.textContent()) ?? '', /^● Well since/);
    host.live.step('overloaded');
    await page.locator('.verdict .cause', { hasText: '64 requests/s refused' }).waitFor();
    assert.match((await heading.textContent()) ?? '', /^■ Overloaded/);
    assert.match(await page.title(), /^■ Overloaded/);
    const refused = page.locator('.refusals ul');
    assert.match((await refused.first().textContent()) ?? '', /overloaded.*queue-timeout/);
    assert.match((await refused.nth(1).textContent()) ?? '', /shop.*nightly import/);
    assert.equal(await page.locator('.verdict .next a').getAttribute('href'), 'runbook#permits');
    host.live.step('backend-down');
    await page.locator('.state[data-look=bad]', { hasText: 'connection refused' }).waitFor();
    host.live.step('well');
    await page.locator('.verdict[data-state=well]').waitFor();
    assert.deepEqual([complaints, await policyReports(page)], [[], []]);
    await context.close();
  });

  test('tells a screen reader of a change of the state, and only of that', async () => {
    const { page, context } = await openPage(browser, host.url);
    await page.locator('.verdict[data-state=well]').waitFor();
    await page.evaluate(() => {
      const spoken = document.querySelector('.verdict [role=status]') as Node;
      Reflect.set(globalThis, 'spoken', 0);
      new MutationObserver(() => Reflect.set(globalThis, 'spoken', Reflect.get(globalThis, 'spoken') + 1)).observe(
        spoken,
        {
          childList: true,
          characterData: true,
          subtree: true,
        },
      );
    });
    for (let second = 0; second < 4; second++) host.live.step();
    host.live.step('overloaded');
    await page.locator('.verdict[data-state=overloaded]').waitFor();
    assert.equal(await page.evaluate(() => Reflect.get(globalThis, 'spoken')), 1);
    host.live.step('well');
    await context.close();
  });

  test('says within 3 s that there is no news, and goes on by itself', async () => {
    const { page, context } = await openPage(browser, host.url);
    await page.locator('.verdict[data-state=well]').waitFor();
    host.stopServer();
    await page.locator('.verdict[data-state=no-news]').waitFor({ timeout: 10_000 });
    assert.match((await page.locator('.verdict .cause').textContent()) ?? '', /^Control has sent nothing for [23] s/);
    await host.restart();
    await page.locator('.verdict[data-state=well]').waitFor({ timeout: 15_000 });
    await context.close();
  });

  test('marks changes in the list, the last one first', async () => {
    const { page, context } = await openPage(browser, host.url);
    await page.locator('.verdict[data-state=well]').waitFor();
    host.live.change('Cap of generator-0: 4 → 8', 'cap', 'console, 127.0.0.1');
    await page.locator('.changes li').first().getByText('Cap of generator-0: 4 → 8').waitFor();
    await context.close();
  });

  test('pauses, and then shows what has come meanwhile', async () => {
    const { page, context } = await openPage(browser, host.url);
    await page.locator('.verdict[data-state=well]').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    host.live.step('overloaded');
    host.live.change('while it was paused');
    await eventually('the title follows', async () => (await page.title()).startsWith('■ Overloaded'));
    assert.equal(await page.getByText('while it was paused').count(), 0);
    assert.equal(await page.locator('.verdict[data-state=well]').count(), 1);
    await page.getByRole('button', { name: 'Go on' }).click();
    assert.equal(await page.locator('.verdict[data-state=overloaded]').count(), 1);
    assert.equal(await page.getByText('while it was paused').count(), 1);
    host.live.step('well');
    await context.close();
  });

  test('sorts by a column, filters by name, and shows only what is not well', async () => {
    const { page, context } = await openPage(browser, host.url);
    const table = page.getByRole('region', { name: 'Upstreams and their backends' });
    const names = (): Promise<string[]> => table.locator('tbody tr:not(.group):not([hidden]) th').allTextContents();
    await table.getByText('generator-3').waitFor();
    assert.deepEqual(await names(), ['generator-0', 'generator-1', 'generator-2', 'generator-3']);
    await table.getByRole('button', { name: 'Backend' }).click();
    assert.deepEqual(await names(), ['generator-3', 'generator-2', 'generator-1', 'generator-0']);
    assert.equal(await table.locator('th[aria-sort=descending]').count(), 1);
    await page.getByRole('searchbox').fill('tor-1');
    assert.deepEqual(await names(), ['generator-1']);
    await page.getByRole('searchbox').fill('');
    await page.getByLabel('Only what is not well').check();
    await table.getByText('All of them are well.').waitFor();
    host.live.step('backend-down');
    await table.getByText('generator-2').waitFor();
    assert.deepEqual(await names(), ['generator-2']);
    host.live.step('well');
    await context.close();
  });

  test('signs in with either token, and out; the second token sees no actions', async () => {
    const { page, context, complaints } = await openPage(browser, locked.url);
    await page.getByLabel('Token').fill('wrong');
    await page.getByLabel('Token').press('Enter');
    await page.getByRole('alert').getByText('not one of the two tokens').waitFor();
    await page.getByLabel('Token').fill(token);
    await page.getByLabel('Token').press('Enter');
    await page.getByRole('button', { name: 'Actions for generator-0 of generator' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').fill(readToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('Read only').waitFor();
    await page.getByText('generator-0').first().waitFor();
    assert.equal(await page.getByRole('button', { name: /^Actions for/ }).count(), 0);
    // A refused token is a 401, which the browser mentions.
    assert.deepEqual(
      complaints.filter((text) => !/401/.test(text)),
      [],
    );
    await context.close();
  });

  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    phone: { viewport: { width: 320, height: 640 } },
    'forced colours': { forcedColors: 'active' },
    'more contrast': { contrast: 'more' },
  } as const)) {
    test(`axe-core finds nothing in ${name}, in every state`, async () => {
      const { page, context } = await openPage(browser, host.url, options);
      for (const state of ['overloaded', 'backend-down', 'well'] as const) {
        host.live.step(state);
        await page.locator(`.verdict:not([data-state=waiting])`).waitFor();
        await page.locator('.uplot').nth(2).waitFor();
        assert.deepEqual(await accessibilityFindings(page), [], state);
      }
      const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(tooWide, false, 'the page scrolls sideways');
      await context.close();
    });
  }

  test('the runbook is a page that can be read, too', async () => {
    const { page, context, complaints } = await openPage(browser, `${host.url}runbook#permits`);
    await page.getByRole('heading', { name: 'permits', exact: true }).waitFor();
    assert.deepEqual([await accessibilityFindings(page), complaints], [[], []]);
    await context.close();
  });

  test('axe-core finds nothing in the form of a token, and in a dialog', async () => {
    const form = await openPage(browser, locked.url);
    await form.page.getByLabel('Token').waitFor();
    assert.deepEqual(await accessibilityFindings(form.page), []);
    await form.context.close();
    const { page, context } = await openPage(browser, host.url);
    await page.getByRole('button', { name: 'Actions for generator-0 of generator' }).click();
    await page.getByRole('button', { name: 'Change cap', exact: true }).click();
    await page.getByRole('dialog').waitFor();
    assert.deepEqual(await accessibilityFindings(page), []);
    await context.close();
  });

  test('every action can be reached and used with the keyboard alone', async () => {
    const { page, context } = await openPage(browser, host.url);
    const button = page.getByRole('button', { name: 'Actions for generator-0 of generator' });
    await button.waitFor();
    // From the start of the page to the row by Tab, as there is no pointer.
    for (let pressed = 0; pressed < 80; pressed++) {
      await page.keyboard.press('Tab');
      if (await button.evaluate((element) => element === document.activeElement)) break;
    }
    await page.keyboard.press('Enter');
    const labels = await page.locator('.action-menu button').allTextContents();
    assert.deepEqual(labels, ['Drain', 'Eject', 'Change cap', 'Change cap of all of generator']);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    assert.match((await page.locator('.curl code').textContent()) ?? '', /^curl -X POST .*\/generator-0\/drain$/);
    await page.keyboard.press('Escape');
    await eventually('focus is back', () => button.evaluate((element) => element === document.activeElement));
    await context.close();
  });
});

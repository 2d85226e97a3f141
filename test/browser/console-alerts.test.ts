import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { parseSlo } from '../../src/config/slo-file.ts';
import type { Slo } from '../../src/policy/slo/slo.ts';
import { accessibilityFindings, launchBrowser, openPage, policyReports, withoutBrowser } from '../support/browser.ts';
import { type ConsoleHost, startConsoleHost } from '../support/console-host.ts';

function sloOf(text: string): Slo {
  const parsed = parseSlo(text, 'slo.yaml');
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.slo;
}

const objectives = `service: shop
endpoints:
  - id: payNow
    gate: { p95: 100ms }
    objectives: [{ sli: latency, le: 100ms, target: 0.95 }, { sli: availability, target: 0.999 }]
`;

describe('the alerts page of the console', { skip: withoutBrowser }, () => {
  let browser: Browser;
  let host: ConsoleHost;
  before(async () => {
    browser = await launchBrowser();
    // This host has no worker, and control says so.
    host = await startConsoleHost('well', { slo: sloOf(objectives) });
  });
  after(async () => {
    await browser?.close();
    await host?.close();
  });

  const open = async (width: number) => {
    const opened = await openPage(browser, `${host.url}#alerts`);
    await opened.page.setViewportSize({ width, height: 800 });
    const alert = opened.page.locator('.alerts li', { hasText: 'RampartNoWorker' });
    for (let tries = 0; tries < 50 && (await alert.count()) === 0; tries++) {
      await opened.page.waitForTimeout(200);
      await opened.page.reload();
      await opened.page.getByText('Objectives', { exact: true }).waitFor();
    }
    return { ...opened, alert };
  };

  test('shows what fires, the objectives with their burn rates, and the limits of degradation', async () => {
    const { page, context, alert, complaints } = await open(1280);
    await alert.first().waitFor();
    assert.match((await alert.first().textContent()) ?? '', /no gateway worker is connected/);
    const link = await alert.first().locator('a').getAttribute('href');
    assert.equal(link, 'runbook#no-worker');
    const tables = page.locator('#view table');
    assert.match((await tables.first().textContent()) ?? '', /Burn 5m.*payNow.*no events/);
    assert.match((await tables.nth(1).textContent()) ?? '', /p95 > 150 ms/);
    assert.deepEqual([complaints, await policyReports(page), await accessibilityFindings(page)], [[], [], []]);
    await context.close();
  });

  test('silences an alert for some hours with a reason, shows it, and ends the silence; by keyboard, on a phone', async () => {
    const { page, context, alert } = await open(390);
    await alert.first().getByRole('button', { name: 'Silence RampartNoWorker' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.locator('dialog.action');
    await dialog.getByLabel('Hours').fill('3');
    await dialog.getByLabel('Why (for the others)').fill('moving <b>house</b>');
    await dialog.getByRole('button', { name: 'Silence' }).press('Enter');
    const silence = page.locator('.alerts li', { hasText: 'moving <b>house</b>' });
    await silence.waitFor();
    assert.match((await silence.textContent()) ?? '', /alertname = RampartNoWorker/);
    assert.equal(await page.locator('#view b').count(), 0);
    assert.deepEqual(await accessibilityFindings(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await silence.getByRole('button').press('Enter');
    await dialog.getByRole('button', { name: 'End the silence' }).press('Enter');
    await page.getByText('Nothing is silenced.').waitFor();
    await context.close();
  });
});

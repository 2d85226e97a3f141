import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { htmlReport } from '../../src/lab/report/html.ts';
import { fleetReport } from '../../src/lab/report/fleet-report.ts';
import { pairReport } from '../../src/lab/report/pair-html.ts';
import { fleetExperiments } from '../../src/lab/simulator/fleet/fleet-experiments.ts';
import { fleetPlan } from '../../src/lab/simulator/fleet/fleet-plan.ts';
import { accessibilityFindings, launchBrowser, openPage, policyReports, withoutBrowser } from '../support/browser.ts';
import { wholeOr } from '../support/long-run.ts';
import {
  emptyRun,
  hostileRun,
  invalidRun,
  onePointRun,
  storedNames,
  storedRunOf,
  wideRun,
  withEndpoints,
} from '../support/lab-runs.ts';

const ramp = storedRunOf('ramp');
const twelve = withEndpoints(
  ramp,
  Array.from({ length: 12 }, (_, index) => `endpoint${index + 1}`),
);
const fleet = fleetPlan({ hosts: 8 });
const pages: Readonly<Record<string, string>> = {
  ...Object.fromEntries(storedNames.map((name) => [name, htmlReport(storedRunOf(name))])),
  invalid: htmlReport(invalidRun(ramp, 'other programs used 40 % of the processors', 'the sender was late')),
  empty: htmlReport(emptyRun(storedRunOf('soak'))),
  'one-point': htmlReport(onePointRun(ramp)),
  'twelve-endpoints': htmlReport(twelve),
  wide: htmlReport(wideRun(ramp)),
  hostile: htmlReport(hostileRun(ramp)),
  pair: pairReport(ramp, wideRun(ramp)),
  fleet: fleetReport([fleetExperiments.shifts(fleet, 4), fleetExperiments.idle(fleet, 4)], fleet),
  'hostile-pair': pairReport(ramp, hostileRun(ramp)),
};

/** npm test looks at a page that has every part, and at those with the widest and the worst text. */
const lookedAt: readonly string[] = wholeOr(Object.keys(pages), ['ramp', 'hostile', 'wide', 'fleet']);

const looks: Readonly<Record<string, BrowserContextOptions>> = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { viewport: { width: 320, height: 640 } },
};

describe('a report of the lab', { skip: withoutBrowser }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-report-'));
  const urlOf = (name: string): string => pathToFileURL(join(folder, `${name}.html`)).href;
  let browser: Browser;

  before(async () => {
    for (const [name, html] of Object.entries(pages)) writeFileSync(join(folder, `${name}.html`), html);
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const visit = async (name: string, look: BrowserContextOptions, work: (page: Page) => Promise<void>) => {
    const { page, context, complaints } = await openPage(browser, urlOf(name), look);
    await work(page);
    assert.deepEqual([complaints, await policyReports(page)], [[], []], name);
    await context.close();
  };

  for (const [look, options] of Object.entries(looks)) {
    test(`has no axe finding and no sideways scroll, ${look}, folded and unfolded`, async () => {
      for (const name of lookedAt) {
        await visit(name, options, async (page) => {
          const sideways = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok((await sideways()) <= 0, `${name}, folded`);
          await unfold(page);
          assert.ok((await sideways()) <= 0, `${name}, unfolded`);
          assert.deepEqual(await accessibilityFindings(page), [], name);
        });
      }
    });
  }

  test('shows the values of a load under the pointer, and with the arrow keys', async () => {
    await visit('ramp', {}, async (page) => {
      const [plot, tip] = [page.locator('.plot.wide').first(), page.locator('.tip').first()];
      await plot.locator('.hit').nth(4).hover();
      await tip.getByText('50 requests/s offered').waitFor();
      assert.match((await tip.textContent()) ?? '', /^50 requests\/s offered\np95 latency: 89\.8 ms/);
      assert.equal(await plot.locator('.at').count(), 3, 'a dot of each panel');
      await page.mouse.move(2, 2);
      assert.equal(await tip.isVisible(), false);
      await plot.focus();
      await page.keyboard.press('Home');
      assert.match((await tip.textContent()) ?? '', /^10 requests\/s/);
      await page.keyboard.press('ArrowRight');
      assert.match((await tip.textContent()) ?? '', /^20 requests\/s/);
      await page.keyboard.press('End');
      assert.match((await tip.textContent()) ?? '', /^90 requests\/s.*21\.2 % refusals/s);
      await page.keyboard.press('Escape');
      assert.equal(await tip.isVisible(), false);
    });
  });

  test('keeps the values of the last load within the page, also on a phone', async () => {
    for (const [viewport, size] of [
      [{ width: 1280, height: 800 }, 'wide'],
      [{ width: 320, height: 640 }, 'phone'],
    ] as const) {
      await visit('ramp', { viewport }, async (page) => {
        await page.locator(`.plot.${size}`).first().locator('.hit').last().hover();
        const box = await page.locator('.tip').first().boundingBox();
        assert.ok(box !== null && box.x >= 0 && box.x + box.width <= viewport.width, JSON.stringify(box));
      });
    }
  });

  test('runs nothing of what stands in names, with or without its own policy', async () => {
    for (const name of ['hostile', 'hostile-pair']) {
      const page = pages[name] ?? '';
      const open = page.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '');
      assert.notEqual(open, page);
      writeFileSync(join(folder, `${name}-open.html`), open);
      for (const each of [name, `${name}-open`]) {
        await visit(each, {}, async (at) => {
          await unfold(at);
          assert.doesNotMatch(await at.title(), /^owned$/, each);
          assert.equal(await at.locator('img, script:not(body > script:last-child)').count(), 0, each);
        });
      }
    }
  });

  test('runs no other script, even if one came into it', async () => {
    const open = (pages['ramp'] ?? '').replace('<main>', `<main><script>document.title = 'owned'</script>`);
    writeFileSync(join(folder, 'injected.html'), open);
    const { page, context } = await openPage(browser, urlOf('injected'));
    assert.notEqual(await page.title(), 'owned');
    assert.match((await policyReports(page)).join(), /script-src/);
    await context.close();
  });

  test('shows every part on paper', async () => {
    await visit('ramp', {}, async (page) => {
      await page.emulateMedia({ media: 'print' });
      await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
      assert.equal(await page.locator('details:not([open])').count(), 0);
      assert.equal(await page.locator('.plot.wide').first().isVisible(), true);
    });
  });

  test('has titles in place of the script, and the same words for gates as shapes', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(urlOf('spike'));
    assert.match((await page.locator('.plot.wide .hit title').first().textContent()) ?? '', /^0 seconds\np50/);
    assert.deepEqual((await page.locator('.gates td.verdict').allTextContents()).slice(0, 2), ['✖ Failed', '✔ Passed']);
    await context.close();
  });

  test('works in the console, whose policy is stricter', async () => {
    const policy =
      "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
    const server = createServer((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy });
      res.end(pages['ramp']);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    try {
      const { page, context } = await openPage(browser, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.locator('.plot.wide .hit').first().hover();
      await page.locator('.tip').first().getByText('10 requests/s offered').waitFor();
      const font = await page.locator('h1').evaluate((element) => getComputedStyle(element).fontWeight);
      assert.equal(font, '650');
      assert.deepEqual(await policyReports(page), []);
      await context.close();
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

const unfold = (page: Page): Promise<void> =>
  page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true;
  });

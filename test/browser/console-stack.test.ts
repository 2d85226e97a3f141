import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import {
  accessibilityFindings,
  launchBrowser,
  openPage,
  policyReports,
  type WatchedPage,
  withoutBrowser,
} from '../support/browser.ts';
import { eventually } from '../support/raw.ts';
import { startStack, type Stack } from '../support/stack.ts';

const slo = fileURLToPath(new URL('../../slo.yaml', import.meta.url));

/** Requests one after the other over a few connections, until it is stopped. */
function startLoad({ url, key }: Stack): { stop(): Promise<void> } {
  const stopped = new AbortController();
  let made = 0;
  const one = async (): Promise<void> => {
    while (!stopped.signal.aborted)
      await fetch(`${url}/v1/barcodes`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ symbology: 'qrcode', text: `load ${made++}` }),
      }).then(
        (response) => response.arrayBuffer(),
        () => undefined,
      );
  };
  const running = [one(), one(), one(), one()];
  return {
    async stop() {
      stopped.abort();
      await Promise.all(running);
    },
  };
}

describe('the console of a host that runs', { skip: withoutBrowser }, () => {
  let stack: Stack;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let load: ReturnType<typeof startLoad> | undefined;

  before(async () => {
    stack = await startStack({ GENERATOR_KIND: 'calibrated', CALIBRATED_SERVICE_TIME_MS: '20', RAMPART_SLO: slo });
    browser = await launchBrowser();
    watched = await openPage(browser, stack.adminUrl);
    ({ page } = watched);
    await page.locator('.verdict[data-state=well]').waitFor({ timeout: 30_000 });
  });

  after(async () => {
    await load?.stop();
    await browser?.close();
    await stack?.stop();
  });

  const rateShown = async (): Promise<number> =>
    Number((await page.locator('.number .value').first().textContent())?.replaceAll(',', ''));
  const row = (name: string) => page.locator('tbody tr', { has: page.getByRole('rowheader', { name, exact: true }) });
  const choose = async (name: string, action: string): Promise<void> => {
    await row(name).getByRole('button').click();
    await page.locator('.action-menu').getByRole('button', { name: action, exact: true }).click();
  };
  const capOf = async (backend: string): Promise<number | undefined> =>
    ((await stack.status()) as unknown as { backends: { backend: string; cap: number }[] }).backends.find(
      (one) => one.backend === backend,
    )?.cap;

  test('its numbers move under load', async () => {
    assert.equal(await rateShown(), 0);
    load = startLoad(stack);
    await eventually('requests are shown', async () => (await rateShown()) > 10, 20_000);
    await row('createBarcode')
      .getByText(/of 150 ms$/)
      .waitFor();
  });

  test('a backend that is killed is named in the verdict and in its row, and recovers', async () => {
    const { processes } = await stack.status();
    const { pid = 0 } = processes.find(({ role, instance }) => role === 'generator' && instance === 1) ?? {};
    process.kill(pid, 'SIGSTOP');
    try {
      await page.locator('.verdict .cause', { hasText: 'generator-1' }).waitFor({ timeout: 20_000 });
      await page.locator('.changes li', { hasText: 'generator-1 is down' }).first().waitFor();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await page.locator('.verdict[data-state=well]').waitFor({ timeout: 60_000 });
    await row('generator-1').locator('.state[data-look=good]').waitFor();
  });

  test('a cap that is changed on the page holds, and is a mark', async () => {
    await choose('generator-0', 'Change cap');
    await page.getByRole('spinbutton', { name: 'Cap' }).fill('3');
    assert.match((await page.locator('.curl code').textContent()) ?? '', /"cap":3/);
    await page.getByRole('dialog').getByRole('button', { name: 'Change cap' }).click();
    await page.getByRole('status').getByText('The cap of generator-0 is changed.').waitFor();
    assert.equal(await capOf('generator-0'), 3);
    await row('generator-0').getByText(/of 3$/).waitFor();
    await page.locator('.changes li', { hasText: 'cap of generator/generator-0 is 3' }).getByText('console').waitFor();
  });

  test('a backend is drained, gets no requests, and is put back', async () => {
    await choose('generator-0', 'Drain');
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await row('generator-0').getByText('drained').waitFor({ timeout: 20_000 });
    assert.equal(await capOf('generator-0'), 0);
    await choose('generator-0', 'Undrain');
    await page.getByRole('dialog').getByRole('button', { name: 'Undrain' }).click();
    await row('generator-0').locator('.state[data-look=good]').waitFor();
    assert.equal(await capOf('generator-0'), 3);
  });

  test('a key that is made on the page is shown once and works, until it is revoked', async () => {
    await page.getByRole('link', { name: 'Keys' }).click();
    await page.getByRole('button', { name: 'Make a key' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('made on the page');
    await page.getByRole('dialog').getByRole('button', { name: 'Make a key' }).click();
    const key = (await page.locator('dialog .curl code', { hasText: /^rk_/ }).textContent()) ?? '';
    await page.getByRole('button', { name: 'I have kept it' }).click();
    const ask = async (): Promise<number> =>
      (await fetch(`${stack.url}/v1/barcodes`, { headers: { authorization: `Bearer ${key}` } })).status;
    assert.equal(await ask(), 200);
    await page.getByRole('button', { name: 'Revoke made on the page' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await eventually('the key is refused', async () => (await ask()) === 401);
    await page
      .locator('tr', { hasText: 'made on the page' })
      .getByText(/revoked/)
      .waitFor();
  });

  test('the versions of the configuration are listed', async () => {
    await page.getByRole('link', { name: 'Configuration' }).click();
    await page.getByText('Version 1 is in force.').waitFor();
  });

  test(
    'a ramp that is started on the page ends with its report; another one is cancelled',
    { timeout: 180_000 },
    async () => {
      await load?.stop();
      await page.getByRole('link', { name: 'Lab' }).click();
      const start = async (): Promise<void> => {
        await page.getByRole('button', { name: 'Start a ramp' }).click();
        await page.getByRole('spinbutton', { name: 'Up to' }).fill('50');
        await page.getByRole('dialog').getByRole('button', { name: 'Start a ramp' }).click();
      };
      await start();
      await page.getByText(/is under way/).waitFor();
      const report = page.getByRole('link', { name: /^Report of \d+-ramp$/ });
      await report.waitFor({ timeout: 120_000 });
      const [opened] = await Promise.all([watched.context.waitForEvent('page'), report.click()]);
      await opened
        .getByText(/requests\/s/)
        .first()
        .waitFor();
      assert.equal(await opened.evaluate(() => origin), 'null');
      await opened.close();
      await start();
      await page.getByText(/is under way/).waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).last().click();
      await page
        .locator('#view')
        .getByText(/has ended/)
        .waitFor({ timeout: 30_000 });
      await page.getByRole('link', { name: 'Overview' }).click();
      await page.locator('.changes li', { hasText: 'lab ramp from 50 to 50' }).first().waitFor();
    },
  );

  test('axe-core finds nothing on the other pages, which show the state, too', async () => {
    for (const name of ['Configuration', 'Keys', 'Lab']) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { name: name === 'Keys' ? 'API keys' : name }).waitFor();
      await page.locator('.chip', { hasText: /^\S (Well|Degraded)/ }).waitFor();
      assert.deepEqual(await accessibilityFindings(page), [], name);
    }
  });

  test('nothing of it met the content security policy or complained', async () => {
    assert.deepEqual([watched.complaints, await policyReports(page)], [[], []]);
  });
});

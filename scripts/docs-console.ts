// npm run docs:console: the pictures of docs/console.md and README.md. They show a host in numbers only, so that they change when
// the page does, not with the machine.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchBrowser, openPage } from '../test/support/browser.ts';
import { startConsoleHost } from '../test/support/console-host.ts';
import { someBatches } from '../test/support/batch-overview.ts';
import type { FakeLiveSource, FakeState } from '../test/support/fake-live-source.ts';
import { root } from './root.ts';
import { ensurePrograms } from './test-tools.ts';

const folder = join(root, 'docs', 'images');
/** Such a day as the pictures show; the page shows times in UTC. */
const STARTED_AT_MS = Date.UTC(2026, 10, 27, 14, 5);
const MINUTE_MS = 60_000;

const changes = [
  [-13, 'configuration', 'configuration 7: cap of generator 3 → 4', 'admin API, 10.0.0.7'],
  [-9, 'process', 'gateway 1 has started again (pid 4101)', null],
  [-5, 'lab', 'lab ramp 20261127-135812 has passed', 'rampart lab ramp'],
] as const;

interface Picture {
  readonly name: string;
  readonly state: FakeState;
  readonly options?: BrowserContextOptions;
  /** The page; the overview, if not given. */
  readonly page?: string;
  /** Done before the picture is taken. */
  readonly before?: (page: Page, host: Awaited<ReturnType<typeof startConsoleHost>>) => Promise<unknown>;
}

const phone = { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2 };
const short = { viewport: { width: 1280, height: 480 } };
const tall = { viewport: { width: 1280, height: 1330 } };

const pictures: readonly Picture[] = [
  { name: 'console-well', state: 'well' },
  { name: 'console-overloaded', state: 'overloaded', options: tall },
  { name: 'console-backend-down', state: 'backend-down', before: scrollToParts },
  { name: 'console-batches', state: 'well', page: '#batches', options: short },
  { name: 'console-dark', state: 'well', options: { colorScheme: 'dark' } },
  { name: 'console-phone', state: 'overloaded', options: phone },
  {
    name: 'console-action',
    state: 'well',
    before: async (page) => {
      await page.getByRole('button', { name: 'Actions for generator-1 of generator' }).click();
      await page.locator('.action-menu').getByRole('button', { name: 'Change cap', exact: true }).click();
    },
  },
  {
    name: 'console-no-news',
    state: 'well',
    before: async (page, host) => {
      host.stopServer();
      await page.locator('.verdict[data-state=no-news]').waitFor();
    },
  },
];

async function scrollToParts(page: Page): Promise<void> {
  await page.locator('.parts').evaluate((element) => element.scrollIntoView());
  await page.evaluate(() => scrollBy(0, -24));
}

function addChanges(live: FakeLiveSource, state: FakeState): void {
  const troubles = {
    overloaded: [
      [-1.7, 'verdict', 'overloaded: 16 requests in flight take all 16 permits of upstream generator', null],
    ],
    'backend-down': [[-1.7, 'backend', 'generator/generator-2 is down: connection refused', null]],
    well: [],
    quiet: [],
  } as const;
  for (const [minutes, kind, text, who] of [...changes, ...troubles[state]])
    live.changes.push({ id: live.changes.length + 1, atMs: live.view.atMs + minutes * MINUTE_MS, kind, text, who });
}

async function take(browser: Browser, { name, state, options, page: fragment = '', before }: Picture): Promise<void> {
  const host = await startConsoleHost(state, { startedAtMs: STARTED_AT_MS, batches: someBatches(Date.now()) });
  try {
    addChanges(host.live, state);
    const { page, context } = await openPage(browser, `${host.url}${fragment}`, { timezoneId: 'UTC', ...options });
    await page.locator(fragment === '' ? '.uplot >> nth=2' : '#view table').waitFor();
    // The lines of the last minute.
    for (let second = 0; second < 60; second++) host.live.step();
    await page.waitForTimeout(300);
    await before?.(page, host);
    await page.waitForTimeout(700);
    await page.locator('.host').evaluate((element) => (element.textContent = '127.0.0.1:8081'));
    await page.evaluate(() => {
      for (const code of document.querySelectorAll('.curl code'))
        code.textContent = (code.textContent ?? '').replace(location.host, '127.0.0.1:8081');
    });
    await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
    await context.close();
    console.log(`docs/images/${name}.png`);
  } finally {
    await host.close();
  }
}

mkdirSync(folder, { recursive: true });
// The page takes the font of the system; this one is drawn alike everywhere.
ensurePrograms([
  { program: '/usr/bin/chromium', debianPackage: 'chromium' },
  { program: '/usr/share/fonts/opentype/inter/Inter-Regular.otf', debianPackage: 'fonts-inter' },
]);
const browser = await launchBrowser();
try {
  for (const picture of pictures) await take(browser, picture);
} finally {
  await browser.close();
}

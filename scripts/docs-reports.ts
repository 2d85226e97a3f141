// npm run docs:reports: the pictures of reports in docs/lab.md and README.md, from the stored runs that the tests read, so that they
// change when the report does, not with the machine.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { htmlReport } from '../src/lab/report/html.ts';
import { pairReport } from '../src/lab/report/pair-html.ts';
import { launchBrowser, openPage } from '../test/support/browser.ts';
import { storedRunOf } from '../test/support/lab-runs.ts';
import { root } from './root.ts';
import { ensurePrograms } from './test-tools.ts';

const folder = join(root, 'docs', 'images');
/** A page with several pictures is read over slow lines, too. */
const MOST_BYTES = 100_000;

interface Picture {
  readonly name: string;
  readonly html: string;
  readonly look?: BrowserContextOptions;
  readonly before?: (page: Page) => Promise<unknown>;
}

const ramp = storedRunOf('ramp');
const desk = { viewport: { width: 1000, height: 720 } };
const pictures: readonly Picture[] = [
  {
    name: 'report-ramp',
    html: htmlReport(ramp),
    // Without the scrolling of a real pointer.
    before: (page) => page.locator('.plot.wide .hit').nth(6).dispatchEvent('pointermove'),
  },
  { name: 'report-failed', html: htmlReport(storedRunOf('spike')), look: { viewport: { width: 900, height: 640 } } },
  { name: 'report-dark', html: htmlReport(storedRunOf('capacity')), look: { colorScheme: 'dark' } },
  {
    name: 'report-phone',
    html: htmlReport(storedRunOf('shop-ramp')),
    look: { viewport: { width: 360, height: 1000 } },
  },
  { name: 'report-pair', html: pairReport(ramp, storedRunOf('ramp-of-five')) },
];

mkdirSync(folder, { recursive: true });
// The page takes the font of the system; this one is drawn alike everywhere.
ensurePrograms([
  { program: '/usr/bin/chromium', debianPackage: 'chromium' },
  { program: '/usr/share/fonts/opentype/inter/Inter-Regular.otf', debianPackage: 'fonts-inter' },
]);
const scratch = mkdtempSync(join(tmpdir(), 'rampart-reports-'));
const browser = await launchBrowser();
try {
  for (const { name, html, look, before } of pictures) {
    const file = join(scratch, `${name}.html`);
    writeFileSync(file, html);
    const { page, context } = await openPage(browser, pathToFileURL(file).href, { ...desk, ...look });
    await before?.(page);
    const picture = join(folder, `${name}.png`);
    await page.screenshot({ path: picture, animations: 'disabled' });
    await context.close();
    const { size } = statSync(picture);
    if (size > MOST_BYTES) throw new Error(`docs/images/${name}.png has ${size} bytes; ${MOST_BYTES} are the most`);
    console.log(`docs/images/${name}.png, ${size} bytes`);
  }
} finally {
  await browser.close();
  rmSync(scratch, { recursive: true, force: true });
}

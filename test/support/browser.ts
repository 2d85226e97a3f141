import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Debian's Chromium; `npm test` installs it where it may (scripts/test-tools.ts). */
const PROGRAM = '/usr/bin/chromium';

/** Why tests of this file cannot run here, for `skip`; false if they can. */
export const withoutBrowser: string | false = existsSync(PROGRAM)
  ? false
  : `${PROGRAM} is missing: install the Debian package chromium`;

export const launchBrowser = (): Promise<Browser> =>
  // As root, Chromium starts only without its sandbox; the pages are our own.
  chromium.launch({ executablePath: PROGRAM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });

/** A page, with what its console and its content security policy complained of. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly complaints: string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.addInitScript(() => {
    const reports: string[] = [];
    Reflect.set(globalThis, 'policyReports', reports);
    document.addEventListener('securitypolicyviolation', (event) => {
      reports.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  await page.goto(url);
  return { page, context, complaints };
}

/** What the content security policy of the page has stopped. */
export const policyReports = (page: Page): Promise<string[]> =>
  page.evaluate(() => Reflect.get(globalThis, 'policyReports') as string[]);

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The findings of axe-core, one line each; it runs beside the page, so that the policy of the page does not stop it. */
export async function accessibilityFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { run } = Reflect.get(globalThis, 'axe') as {
      run: (
        options: object,
      ) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>;
    };
    const { violations } = await run({ resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary.replaceAll('\n', ' ')}`),
    );
  });
}

// npm run bench:console: the console of a large host in a browser whose processor is four times slower.
import { launchBrowser, openPage } from '../../test/support/browser.ts';
import { startConsoleHost } from '../../test/support/console-host.ts';
import { writeTable } from '../write-table.ts';

const [BACKENDS, WORKERS] = [64, 8];
const SLOWDOWN = 4;
const WATCH_MS = 5 * 60_000;
/** The page is built in this time, which is no part of the watch. */
const SETTLE_MS = 5000;

async function benchConsole(): Promise<string> {
  const host = await startConsoleHost('overloaded', { backends: BACKENDS, workers: WORKERS });
  const browser = await launchBrowser();
  try {
    const { page, context } = await openPage(browser, host.url);
    const session = await context.newCDPSession(page);
    await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
    await page.waitForTimeout(SETTLE_MS);
    await page.evaluate(() => {
      const tasks: number[] = [];
      Reflect.set(globalThis, 'longTasks', tasks);
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) tasks.push(duration);
      }).observe({ type: 'longtask' });
    });
    await page.waitForTimeout(WATCH_MS);
    const tasks = await page.evaluate(() => Reflect.get(globalThis, 'longTasks') as number[]);
    const longest = tasks.length === 0 ? '' : `, the longest of ${Math.round(Math.max(...tasks))} ms`;
    return `${BACKENDS} backends and ${WORKERS} workers, each second for ${WATCH_MS / 60_000} minutes on a processor that is ${SLOWDOWN} times slower: ${tasks.length} tasks of more than 50 ms${longest}.`;
  } finally {
    await browser.close();
    await host.close();
  }
}

const said = await benchConsole();
console.log(said);
if (process.argv.includes('--write')) writeTable('costs.md', 'console', `\n${said}\n`);

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { type Stack, stackSettings, startStack } from '../support/stack.ts';
import { startSteadyClient, type SteadyResult } from '../support/steady-client.ts';

const PER_SECOND = 200;
/** A worker reports once a second; what it has counted since dies with it. */
const REPORT_MS = 1000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

describe("the counts of /metrics are the clients' own", () => {
  let stack: Stack;
  let file: string;
  let application: Server;
  let configure: (timeoutMs: number) => void;

  before(async () => {
    application = createServer((_req, res) => void res.end('hello'));
    await new Promise<void>((resolve) => void application.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
    const settings = await stackSettings({ GENERATOR_INSTANCES: '0' });
    file = join(settings['RAMPART_DATA_DIR'] ?? '', 'rampart.config.mjs');
    configure = (timeoutMs) => {
      const upstreams = { app: { backends: [origin], cap: 64 } };
      const routes = [{ endpoint: 'work', path: '/*', upstream: 'app', authenticate: false, timeoutMs }];
      writeFileSync(file, `export default ${JSON.stringify({ upstreams, routes })};\n`);
    };
    configure(5000);
    stack = await startStack({ ...settings, RAMPART_CONFIG: file });
  });
  after(async () => {
    await stack.stop();
    application.close();
    application.closeAllConnections();
  });

  /** The requests that were counted, over all statuses. */
  const counted = async (): Promise<number> => {
    const lines = (await stack.metrics()).matchAll(/^rampart_requests_total\{endpoint="work",status="\d+"\} (\d+)$/gm);
    return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  /** The result of a client while something happens. */
  async function during(event: () => Promise<void>, keepAlive = true): Promise<SteadyResult> {
    let result: SteadyResult;
    const client = startSteadyClient({
      url: stack.url,
      key: '',
      perSecond: PER_SECOND,
      keepAlive,
      method: 'GET',
      path: '/x',
    });
    try {
      await pause(300);
      await event();
      await pause(300);
    } finally {
      result = await client.stop();
    }
    return result;
  }

  const newControl = (pid: number): Promise<void> =>
    eventually('there is another control with both workers', async () => {
      const status = await stack.status().catch(() => undefined);
      return status !== undefined && status.control.pid !== pid && status.workers.length === 2;
    });

  test('to the request, over reloads and kills of control', async () => {
    const { sent, outcomes } = await during(async () => {
      for (const timeoutMs of [4000, 3000]) {
        configure(timeoutMs);
        const { code, stdout, stderr } = await stack.run('reload');
        assert.equal(code, 0, stdout + stderr);
        const { control } = await stack.status();
        process.kill(control.pid, 'SIGKILL');
        await newControl(control.pid);
      }
    });
    assert.deepEqual(outcomes, { 200: sent });
    await eventually(`all ${sent} are counted`, async () => (await counted()) === sent);
    assert.match(
      await stack.metrics(),
      new RegExp(`^rampart_reply_bytes_total\\{endpoint="work"\\} ${sent * 5}$`, 'm'),
    );
  });

  test('short by the last report of a worker that was killed at most, and never over', async () => {
    const before = await counted();
    const { outcomes } = await during(async () => {
      const [worker] = (await stack.status()).workers;
      process.kill(worker?.pid ?? 0, 'SIGKILL');
      await eventually('there are two workers again', async () => {
        const { workers } = await stack.status();
        return workers.length === 2 && workers.every(({ pid }) => pid !== worker?.pid);
      });
    }, false);
    const answered = outcomes['200'] ?? 0;
    let seen = -1;
    await eventually('the counts stand still', async () => {
      const last = seen;
      seen = (await counted()) - before;
      return seen === last;
    });
    const lost = answered - seen;
    // Requests that the worker had counted and that never reached their clients are more than the clients have.
    const broken = Object.entries(outcomes).reduce((sum, [outcome, count]) => sum + (outcome === '200' ? 0 : count), 0);
    assert.ok(lost >= -broken, `${seen} counted of ${answered} answered, ${broken} broken`);
    assert.ok(lost <= (PER_SECOND * REPORT_MS * 1.5) / 1000, `${seen} counted of ${answered} answered`);
  });
});

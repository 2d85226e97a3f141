import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../src/core/random.ts';
import { offer, servedOf } from '../support/offering.ts';
import { eventually } from '../support/raw.ts';
import { wholeOr } from '../support/long-run.ts';
import { type Stack, stackSettings, startStack } from '../support/stack.ts';

const WORKERS = 4;
const SERVICE_MS = 30;
const LOAD_MS = wholeOr(60_000, 20_000);

/** A backend that counts what it has in flight, against the cap that holds at the moment. */
class CountingBackend {
  readonly server: Server;
  cap = 0;
  inFlight = 0;
  most = 0;
  served = 0;
  readonly excesses: string[] = [];

  constructor() {
    this.server = createServer((req, res) => {
      if (req.url === '/healthz') return void res.end('ok');
      this.inFlight++;
      this.most = Math.max(this.most, this.inFlight);
      if (this.inFlight > this.cap) this.excesses.push(`${this.inFlight} in flight of ${this.cap}`);
      const timer = setTimeout(() => res.end('ok'), SERVICE_MS);
      res.once('close', () => {
        clearTimeout(timer);
        this.inFlight--;
        this.served++;
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => void this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
}

describe('the cap of a backend, counted inside it', () => {
  const backends = [new CountingBackend(), new CountingBackend()];
  let stack: Stack;
  let ids: string[] = [];

  before(async () => {
    const origins = await Promise.all(backends.map((backend) => backend.listen()));
    ids = origins.map((origin) => new URL(origin).host);
    const settings = await stackSettings({ GATEWAY_WORKERS: String(WORKERS), GENERATOR_INSTANCES: '1' });
    const file = join(settings['RAMPART_DATA_DIR'] as string, 'leases.config.ts');
    const upstreams = { counted: { backends: origins, cap: 4, healthPath: '/healthz' } };
    const routes = [{ endpoint: 'counted', path: '/counted', upstream: 'counted', authenticate: false }];
    writeFileSync(file, `export default ${JSON.stringify({ upstreams, routes })};`);
    for (const backend of backends) backend.cap = 4;
    stack = await startStack({ ...settings, RAMPART_CONFIG: file });
  });

  after(async () => {
    await stack.stop();
    for (const { server } of backends) {
      server.closeAllConnections();
      server.close();
    }
  });

  const leased = async (index: number): Promise<number> => {
    const status = (await stack.status()) as unknown as { backends: { backend: string; leased: number }[] };
    return status.backends.find(({ backend }) => backend === ids[index])?.leased ?? Number.NaN;
  };

  async function setCap(index: number, cap: number): Promise<void> {
    const backend = backends[index] as CountingBackend;
    // A cap that falls holds once the permits have come back; one that rises, from when it is said.
    if (cap > backend.cap) backend.cap = cap;
    const reply = await fetch(`${stack.adminUrl}/api/cap`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ upstream: 'counted', backend: ids[index], cap }),
    });
    assert.equal(reply.status, 200, await reply.text());
    await eventually(`at most ${cap} permits are out`, async () => (await leased(index)) <= cap);
    backend.cap = cap;
  }

  test('is never exceeded under load with workers killed and caps changed, and is used', async () => {
    const load = offer(stack.url, { perSecond: 350, durationMs: LOAD_MS, path: '/counted' });
    const random = seededRandom(2);
    const endsAt = Date.now() + LOAD_MS - 3000;
    let kills = 0;
    let changes = 0;
    while (Date.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 400 + 800 * random()));
      if (random() < 0.4) {
        const workers = (await stack.status()).workers.filter(({ pid }) => pid > 0);
        const victim = workers[Math.floor(random() * workers.length)];
        if (victim !== undefined && workers.length > 1) {
          process.kill(victim.pid, 'SIGKILL');
          kills++;
        }
      } else {
        await setCap(Math.floor(random() * 2), 1 + Math.floor(random() * 6));
        changes++;
      }
    }
    const requests = await load;
    const served = servedOf(requests);
    console.log(`${served} of ${requests.count} served, ${kills} workers killed, ${changes} caps changed`);
    assert.deepEqual(
      backends.map(({ excesses }) => excesses),
      [[], []],
    );
    assert.ok(kills >= 5 && changes >= 5, `${kills} kills, ${changes} changes`);
    assert.ok(served > requests.count / 4, `${served} of ${requests.count} served`);
    assert.ok(Math.max(...backends.map(({ most }) => most)) >= 4, 'the caps are used');
  });

  test('moves to the worker that needs it, and comes back from a control that is killed', async () => {
    for (const index of [0, 1]) await setCap(index, 6);
    const { control } = await stack.status();
    process.kill(control.pid, 'SIGKILL');
    const statuses = await Promise.all(
      Array.from({ length: 60 }, () => fetch(`${stack.url}/counted`).then(({ status }) => status)),
    );
    assert.ok(
      statuses.every((status) => status === 200 || status === 503),
      statuses.join(' '),
    );
    const isBack = (): Promise<boolean> =>
      stack.status().then(
        (status) => status.control.pid !== control.pid,
        () => false,
      );
    await eventually('another control is there', isBack, 20_000);
    for (const backend of backends) backend.cap = 4;
    await eventually('its leases are those of the configuration', async () => (await leased(0)) === 4);
    const replies = await Promise.all(
      Array.from({ length: 8 }, async () => {
        // All of them may have come to one worker, which then is told to wait for permits that others hold.
        for (let attempt = 1; ; attempt++) {
          const reply = await fetch(`${stack.url}/counted`);
          const text = await reply.text();
          if (reply.status === 200) return 'served';
          if (attempt === 5) return text;
          await pause(200);
        }
      }),
    );
    assert.deepEqual(new Set(replies), new Set(['served']));
    assert.deepEqual(
      backends.map(({ excesses }) => excesses),
      [[], []],
    );
  });

  test('is refused when it makes no sense', async () => {
    const post = async (body: string): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(`${stack.adminUrl}/api/cap`, { method: 'POST', headers, body })).status;
    };
    assert.equal(await post('{"upstream":"counted","cap":-1}'), 400);
    assert.equal(await post('{"upstream":"counted"}'), 400);
    assert.equal(await post('no'), 400);
    assert.equal(await post('{"upstream":"counted","backend":"none","cap":1}'), 404);
    assert.equal(await post('{"upstream":"none","cap":1}'), 404);
  });
});

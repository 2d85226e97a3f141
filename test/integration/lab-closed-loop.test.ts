import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { ClosedLoop, runClosedLoop } from '../../src/lab/load/closed-loop.ts';
import type { LoadResult, LoadTarget } from '../../src/lab/load/engine.ts';
import { figuresOf } from '../../src/lab/measure/figures.ts';
import { validityOf, validityOfAll } from '../../src/lab/measure/validity.ts';

const SERVICE_MS = 20;
const mix = {
  endpoints: [{ endpoint: 'a', weight: 1, method: 'GET', path: '/{{n}}' }],
  headers: {},
  rows: [],
  seed: 1,
} as const;
const pause = (ms: number): Promise<void> => new Promise((resolve) => void systemClock.setTimeout(resolve, ms));

describe('closed loop', () => {
  let answer: (req: IncomingMessage, res: ServerResponse) => void;
  let server: Server;
  let target: LoadTarget;
  before(async () => {
    server = createServer((req, res) => answer(req, res));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    target = { origin, mix, firstNumber: 0, timeoutMs: 2000 };
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test('in parts: every request counts in one of them, and those over a cut are under way in both', async () => {
    let answered = 0;
    answer = (_req, res) => void setTimeout(() => res.end(`${answered++}`), SERVICE_MS);
    const plan = { kind: 'closed', connections: 5, cycleDelayMs: 0, durationMs: 1500 } as const;
    const loop = new ClosedLoop(target, plan, systemClock);
    const last = loop.run();
    const parts: { result: LoadResult; fromMs: number; toMs: number }[] = [];
    let fromMs = 0;
    for (let part = 0; part < 4; part++) {
      await pause(300);
      const { atMs, result } = loop.cut();
      parts.push({ result: await result, fromMs, toMs: atMs });
      fromMs = atMs;
    }
    parts.push({ result: await last, fromMs, toMs: 1500 });
    // The end is a timer's, and may come a little late.
    const figures = parts.map(({ result, ...window }, at) =>
      figuresOf(result, at === 4 ? { ...window, toMs: 2000 } : window),
    );
    const count = (valueOf: (each: (typeof figures)[number]) => number): number =>
      figures.reduce((sum, each) => sum + valueOf(each), 0);
    assert.deepEqual(
      [count(({ requests }) => requests), count(({ outcomes }) => outcomes['2xx'] ?? 0), loop.begun],
      [answered, answered, answered],
    );
    const rows = parts.reduce((sum, { result }) => sum + result.requests.count, 0);
    assert.equal(rows, answered + 4 * 5, 'all five users have a request under way at each cut');
    const validities = parts.map(({ result, ...window }) => ({ ...window, validity: validityOf(result, window, 100) }));
    const { littlesLaw } = validityOfAll(validities, 100);
    assert.ok(littlesLaw.gap < 0.02, JSON.stringify(littlesLaw));
    assert.ok(Math.abs(littlesLaw.counted - 5) < 0.2, JSON.stringify(littlesLaw));
  });

  test('a refused user waits as long as Retry-After says, if the plan says so', async () => {
    answer = (_req, res) => {
      res.writeHead(503, { 'retry-after': '1' });
      res.end();
    };
    const plan = { kind: 'closed', connections: 3, cycleDelayMs: 50, durationMs: 1500 } as const;
    const patient = await runClosedLoop(target, { ...plan, waitsWhenRefused: true }, systemClock);
    assert.equal(patient.requests.count, 6);
    const impatient = await runClosedLoop(target, plan, systemClock);
    assert.ok(impatient.requests.count > 30, `${impatient.requests.count} requests`);
  });

  test('a wait goes on where its connection is closed meanwhile', async () => {
    answer = ({ socket }, res) => {
      res.writeHead(503, { 'retry-after': '1' });
      res.end(() => setTimeout(() => socket.end(), 100));
    };
    const plan = { kind: 'closed', connections: 3, cycleDelayMs: 0, durationMs: 900, waitsWhenRefused: true } as const;
    assert.equal((await runClosedLoop(target, plan, systemClock)).requests.count, 3);
  });

  test('users come and go: nothing is sent for those who are not there, and their connections are closed', async () => {
    answer = (_req, res) => void setTimeout(() => res.end('ok'), SERVICE_MS);
    const stays = [
      { fromMs: 0, toMs: 1500 },
      { fromMs: 500, toMs: 1000 },
      { fromMs: 500, toMs: 1000 },
    ];
    const plan = { kind: 'closed', connections: 3, cycleDelayMs: 0, durationMs: 1500, stays } as const;
    const open = (): Promise<number> =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      );
    await pause(100);
    const before = await open();
    const running = runClosedLoop(target, plan, systemClock);
    const counts: number[] = [];
    for (let at = 0; at < 3; at++) {
      await pause(at === 0 ? 250 : 500);
      counts.push((await open()) - before);
    }
    const { requests } = await running;
    assert.deepEqual(counts, [1, 3, 1]);
    const underWay = (fromMs: number, toMs: number): number => {
      let time = 0;
      for (let row = 0; row < requests.count; row++) {
        time += Math.max(0, Math.min(toMs, requests.endMs(row)) - Math.max(fromMs, requests.sentMs(row)));
      }
      return Math.round(time / (toMs - fromMs));
    };
    assert.deepEqual([underWay(100, 490), underWay(600, 990), underWay(1100, 1490)], [1, 3, 1]);
  });

  test('a run that is ended before its time ends, and users who have not come do not matter', async () => {
    answer = (_req, res) => void res.end('ok');
    const stays = [
      { fromMs: 0, toMs: 60_000 },
      { fromMs: 50_000, toMs: 60_000 },
    ];
    const plan = { kind: 'closed', connections: 2, cycleDelayMs: 10, durationMs: 60_000, stays } as const;
    const loop = new ClosedLoop(target, plan, systemClock);
    const running = loop.run();
    await pause(200);
    loop.end();
    const { requests } = await running;
    assert.ok(requests.count > 1 && requests.settled === requests.count);
  });
});

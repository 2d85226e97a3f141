import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { arrivalTimes } from '../../src/lab/load/arrivals.ts';
import { runClosedLoop } from '../../src/lab/load/closed-loop.ts';
import type { LoadResult, LoadTarget } from '../../src/lab/load/engine.ts';
import type { Mix } from '../../src/lab/load/mix.ts';
import { runOpenLoopIn } from '../../src/lab/load/open-loop-processes.ts';
import { runOpenLoop } from '../../src/lab/load/open-loop.ts';
import { mean, quantile } from '../../src/lab/statistics/quantile.ts';
import { faults, startFaultyServer } from '../support/faulty-server.ts';

const mixOf = (...paths: string[]): Mix => ({
  endpoints: paths.map((path, index) => ({ endpoint: path, weight: index + 1, method: 'GET', path: `/${path}/{{n}}` })),
  headers: { 'x-api-key': 'k' },
  rows: [],
  seed: 1,
});

const target = (origin: string, mix = mixOf('a')): LoadTarget => ({ origin, mix, firstNumber: 100, timeoutMs: 400 });

type Run = (target: LoadTarget, durationMs: number) => Promise<LoadResult>;
const arrivals = (durationMs: number): Float64Array => arrivalTimes('poisson', 100, durationMs, seededRandom(3));
const open = (durationMs: number) =>
  ({ kind: 'open', arrivals: arrivals(durationMs), durationMs, maxInFlight: 500 }) as const;

/** Every engine, at about 100 requests a second. */
const engines: Readonly<Record<string, Run>> = {
  'open loop': (target, durationMs) => runOpenLoop(target, open(durationMs), systemClock),
  'open loop in two processes': (target, durationMs) => runOpenLoopIn(2, target, open(durationMs), systemClock),
  'closed loop': (target, durationMs) =>
    runClosedLoop(target, { kind: 'closed', connections: 4, cycleDelayMs: 20, durationMs }, systemClock),
};

function counts({ requests }: LoadResult): Record<string, number> {
  const found: Record<string, number> = {};
  for (let index = 0; index < requests.count; index++) {
    const outcome = requests.outcome(index);
    found[outcome] = (found[outcome] ?? 0) + 1;
  }
  return found;
}

const rows = ({ requests }: LoadResult): number[] => Array.from({ length: requests.count }, (_, index) => index);

async function withServer<Result>(
  listener: (req: IncomingMessage, res: ServerResponse) => void,
  use: (origin: string) => Promise<Result>,
): Promise<Result> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('every engine', () => {
  for (const [name, run] of Object.entries(engines)) {
    describe(name, () => {
      for (const [fault, act] of Object.entries(faults)) {
        test(`${fault}: every request has one outcome, and those that were answered are those that count`, async () => {
          const server = await startFaultyServer(act);
          const result = await run(target(server.origin), 1000);
          const { '2xx': good = 0, 'connection-error': errors = 0, timeout = 0 } = counts(result);
          await server.close();
          assert.ok(server.bad() > 3, `${server.bad()} faults`);
          assert.deepEqual({ good, bad: errors + timeout }, { good: server.good(), bad: server.bad() });
          assert.equal(good + errors + timeout, result.requests.count);
          // What is over is not waited for: only what may still come is a timeout.
          const isSilent = /silence|drips/.test(fault);
          assert.deepEqual(isSilent ? { errors } : { timeout }, isSilent ? { errors: 0 } : { timeout: 0 });
        });
      }

      test('nobody listens: each request is a connection error, and there is no storm of them', async () => {
        const server = await startFaultyServer(undefined);
        await server.close();
        const result = await run(target(server.origin), 1000);
        assert.deepEqual(counts(result), { 'connection-error': result.requests.count });
        assert.ok(result.requests.count <= 110, `${result.requests.count} requests`);
      });

      test('a server that closes each connection, and says so, loses nothing', async () => {
        const server = await startFaultyServer(undefined, true);
        const result = await run(target(server.origin), 1000);
        await server.close();
        assert.deepEqual(counts(result), { '2xx': server.good() });
      });

      test('statuses, mix, numbers, headers and Server-Timing are as sent', async () => {
        const seen: string[] = [];
        const result = await withServer(
          (req, res) => {
            seen.push(`${req.url} ${String(req.headers['x-api-key'])}`);
            const [, path = '', number = ''] = (req.url ?? '').split('/');
            const status = Number(number) % 10 === 0 ? 503 : Number(number) % 10 === 1 ? 500 : 200;
            res.writeHead(status, {
              'server-timing': `wait;dur=${path === 'a' ? 1 : 2}.5, exec;dur=3, exec-upstream;dur=9`,
            });
            res.end('ok');
          },
          (origin) => run(target(origin, mixOf('a', 'b')), 1500),
        );
        const { requests } = result;
        assert.deepEqual(
          seen.map((line) => Number(/\d+/.exec(line)?.[0])).sort((left, right) => left - right),
          rows(result).map((index) => index + 100),
        );
        assert.ok(seen.every((line) => line.endsWith(' k')));
        const { refused = 0, '5xx': failed = 0, '2xx': good = 0 } = counts(result);
        assert.ok(refused > 0 && failed > 0);
        assert.equal(refused + failed + good, requests.count);
        for (const index of rows(result)) assert.equal(requests.waitMs(index), requests.endpoint(index) + 1.5);
        assert.equal(requests.execMs(0), 3);
        const share = rows(result).filter((index) => requests.endpoint(index) === 1).length / requests.count;
        assert.ok(share > 0.5 && share < 0.83, `b has two thirds of the weight and ${share} of the requests`);
      });

      test('the requests under way, as counted, are those of the times that were noted', async () => {
        const result = await withServer(
          (_req, res) => void setTimeout(() => res.end('ok'), 100),
          (origin) => run(target(origin), 2000),
        );
        const { requests, senders } = result;
        const noted =
          rows(result).reduce((sum, index) => sum + requests.endMs(index) - requests.sentMs(index), 0) / 2000;
        const counted = senders.reduce(
          (sum, { sampledAtMs, inFlight }) =>
            sum + mean(inFlight.filter((_, at) => (sampledAtMs[at] as number) < 2000)),
          0,
        );
        assert.ok(Math.abs(noted - counted) / counted < 0.08, `${noted} noted, ${counted} counted`);
      });
    });
  }
});

/** One second of every 5.5 the server stands still: what comes meanwhile waits for the rest of it. */
function stalling(): (req: IncomingMessage, res: ServerResponse) => void {
  let startedAt = Number.NaN;
  return (_req, res) => {
    if (Number.isNaN(startedAt)) startedAt = performance.now();
    const elapsed = performance.now() - startedAt;
    const stalled = elapsed >= 2500 && elapsed < 3500;
    setTimeout(() => res.end('ok'), stalled ? 3500 - elapsed : 0);
  };
}

for (const name of ['open loop', 'open loop in two processes']) {
  test(`${name}: a stall of one second shows as those saw it who came meanwhile`, async () => {
    const result = await withServer(stalling(), (origin) =>
      (engines[name] as Run)({ ...target(origin), timeoutMs: 5000 }, 5500),
    );
    const latencies = rows(result).map((index) => result.requests.latencyMs(index));
    const [p90, p99] = [quantile(latencies, 0.9), quantile(latencies, 0.99)];
    // Of the arrivals, f = 1 / 5.5 see what is left of the second: the q-quantile is (q - (1 - f)) / f seconds.
    assert.ok(Math.abs(p90 - 450) < 45, `p90 ${p90}`);
    assert.ok(Math.abs(p99 - 945) < 94.5, `p99 ${p99}`);
  });
}

test('the open loop counts what it could not send', async () => {
  const result = await withServer(
    () => {},
    (origin) => runOpenLoop(target(origin), { ...open(1000), maxInFlight: 10 }, systemClock),
  );
  const { unsent = 0, timeout = 0 } = counts(result);
  assert.ok(unsent > 20 && timeout >= 10);
  assert.equal(unsent + timeout, 100);
});

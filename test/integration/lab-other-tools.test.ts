import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { systemClock } from '../../src/core/clock.ts';
import { runClosedLoop } from '../../src/lab/load/closed-loop.ts';
import { figuresOf } from '../../src/lab/measure/figures.ts';
import { quantile } from '../../src/lab/statistics/quantile.ts';
import { startPlanted } from '../support/planted.ts';

const wrk = '/usr/bin/wrk';
const CONNECTIONS = 8;
const ROUNDS = 5;
/** wrk takes whole seconds. */
const COUNTED_MS = 1000;
const SETTLE_MS = 300;

async function byWrk(url: string): Promise<number> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${COUNTED_MS / 1000}s`, url];
  const { stdout } = await promisify(execFile)(wrk, args);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

async function byAutocannon(url: string): Promise<number> {
  const { requests, duration } = await autocannon({ url, connections: CONNECTIONS, duration: COUNTED_MS / 1000 });
  return requests.total / duration;
}

async function byLab(origin: string): Promise<number> {
  const endpoints = [{ endpoint: 'planted', weight: 1, method: 'GET', path: '/' }] as const;
  const target = { origin, mix: { endpoints, headers: {}, rows: [], seed: 1 }, firstNumber: 0, timeoutMs: 5000 };
  const plan = {
    kind: 'closed',
    connections: CONNECTIONS,
    cycleDelayMs: 0,
    durationMs: SETTLE_MS + COUNTED_MS,
  } as const;
  const result = await runClosedLoop(target, plan, systemClock);
  return figuresOf(result, { fromMs: SETTLE_MS, toMs: SETTLE_MS + COUNTED_MS }).throughputPerSecond;
}

/** The lab's throughput as a part of another's: medians of rounds in turns, as the machine's speed drifts. */
async function ratio(url: string, by: (url: string) => Promise<number>): Promise<number> {
  const rates = { other: [] as number[], lab: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    rates.other.push(await by(url));
    rates.lab.push(await byLab(url));
  }
  return quantile(rates.lab, 0.5) / quantile(rates.other, 0.5);
}

const others = [
  { name: 'autocannon', by: byAutocannon, skip: false },
  { name: 'wrk', by: byWrk, skip: existsSync(wrk) ? false : 'wrk is not installed' },
];

for (const { name, by, skip } of others) {
  describe(`the closed loop beside ${name}`, { skip }, () => {
    for (const [kind, holdMs, limit] of [
      ['lock', 4, 'a lock'],
      ['computing', 1, 'its processor'],
    ] as const) {
      test(`finds the throughput of a server that is limited by ${limit} to within 5 %`, async () => {
        const server = await startPlanted(kind, holdMs);
        try {
          let found = await ratio(server.url, by);
          if (Math.abs(found - 1) > 0.05) {
            console.log(`measured once more: ${found.toFixed(3)} of what ${name} finds`);
            found = await ratio(server.url, by);
          }
          console.log(`${limit}: ${found.toFixed(3)} of what ${name} finds`);
          assert.ok(Math.abs(found - 1) <= 0.05, `${found.toFixed(3)} of what ${name} finds`);
        } finally {
          await server.stop();
        }
      });
    }
  });
}

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type BottleneckClass, classify } from '../../src/lab/experiments/classify.ts';
import { type LabContext, runStep, type Step } from '../../src/lab/experiments/step.ts';
import { arrivalTimes } from '../../src/lab/load/arrivals.ts';
import type { ClosedPlan, OpenPlan } from '../../src/lab/load/engine.ts';
import type { System } from '../../src/lab/system/system.ts';

const entry = fileURLToPath(new URL('planted-server.ts', import.meta.url));

/** A server whose bottleneck is known, as the lab sees one; on one processor where it has more processes than that. */
export async function startPlanted(kind: string, holdMs: number): Promise<System> {
  const command = [process.execPath, entry, kind, String(holdMs)];
  const pinned = kind === 'processors' ? ['taskset', '-c', firstProcessor(), ...command] : command;
  const child = spawn(pinned[0] as string, pinned.slice(1), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', (code) => reject(new Error(`the planted server ended with ${code}`)));
  });
  const { port, pids } = JSON.parse(said) as { port: number; pids: number[] };
  return {
    name: kind,
    url: `http://127.0.0.1:${port}`,
    key: '',
    settings: {},
    processes: async () => pids.map((pid, instance) => ({ role: 'planted', instance, pid })),
    metrics: async () => undefined,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
}

const firstProcessor = (): string =>
  /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';

type Plan = OpenPlan | ClosedPlan;

/** What a server is, how long one request takes, and the two loads: little and much. */
export interface Planted {
  readonly kind: string;
  readonly holdMs: number;
  readonly expected: BottleneckClass;
  readonly loads: readonly [Plan, Plan];
}

const mix = {
  endpoints: [{ endpoint: 'planted', weight: 1, method: 'GET', path: '/' }],
  headers: {},
  rows: [],
  seed: 1,
} as const;
const context: LabContext = {
  clock: systemClock,
  random: seededRandom(1),
  numbers: { next: 0 },
  say: () => {},
  expect: () => {},
};
const SETTLE_MS = 100;

const closed = (connections: number, durationMs: number): Plan => ({
  kind: 'closed',
  connections,
  cycleDelayMs: 0,
  durationMs,
});
const open = (perSecond: number, durationMs: number): Plan => ({
  kind: 'open',
  arrivals: arrivalTimes('poisson', perSecond, durationMs, seededRandom(1)),
  durationMs,
  maxInFlight: 1000,
});
const users = (many: number): readonly [Plan, Plan] => [closed(1, 500), closed(many, 900)];
const rates = (holdMs: number): readonly [Plan, Plan] => [open(300 / holdMs, 700), open(1600 / holdMs, 900)];

/** Those that sleep do not disturb each other; those that compute do. */
export const sleeping: readonly Planted[] = [8, 10, 12, 15, 18, 22].flatMap((holdMs): Planted[] => [
  { kind: 'lock', holdMs, expected: 'A contention', loads: users(16) },
  { kind: 'mixed', holdMs, expected: 'mixed', loads: users(12) },
  { kind: 'unbounded', holdMs, expected: 'C capacity control', loads: rates(holdMs) },
]);
export const computing: readonly Planted[] = [2, 3, 4, 5, 6, 8].flatMap((holdMs): Planted[] => [
  { kind: 'work', holdMs, expected: 'B work', loads: users(10) },
  { kind: 'processors', holdMs: 2 * holdMs, expected: 'B processors', loads: users(4) },
]);

export interface Classified {
  readonly planted: Planted;
  readonly name: BottleneckClass;
  readonly evidence: string;
  readonly right: boolean;
}

/** What the lab makes of it. */
export async function classified(planted: Planted): Promise<Classified> {
  const system = await startPlanted(planted.kind, planted.holdMs);
  try {
    const steps: Step[] = [];
    for (const plan of planted.loads) {
      steps.push(await runStep({ system, mix, plan, settleMs: SETTLE_MS, targetMs: 1000, attempts: 1 }, context));
    }
    const { name, evidence } = classify(steps);
    return { planted, name, evidence, right: name === planted.expected };
  } finally {
    await system.stop();
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { seededRandom, shuffled } from '../../src/core/random.ts';
import { bootstrapInterval, type Interval } from '../../src/lab/statistics/bootstrap.ts';
import { median, quantile } from '../../src/lab/statistics/quantile.ts';
import { startReloadHost } from '../../test/support/reload-host.ts';
import { startSteadyClient } from '../../test/support/steady-client.ts';

const ROUNDS = 30;
const ROUND_MS = 2_000;
const PER_SECOND = 200;
const sides = ['first', 'second', 'mirrored'] as const;
type Side = (typeof sides)[number];

const configOf = ([first, second, third, fourth]: readonly string[]): ConfigFile => ({
  upstreams: {
    app: { backends: [first as string, second as string], cap: 32 },
    next: { backends: [third as string, fourth as string], cap: 32 },
  },
  routes: sides.map((side) => ({
    endpoint: side,
    path: `/${side}`,
    upstream: 'app',
    authenticate: false,
    ...(side === 'mirrored' ? { mirror: { upstream: 'next', percent: 100 } } : {}),
  })),
});

/** The p99 of a route whose requests are all mirrored, beside two routes that differ in nothing: A/A and A/B in turns. */
export async function benchMirror(): Promise<string> {
  const host = await startReloadHost(configOf);
  const p99s: Record<Side, number[]> = { first: [], second: [], mirrored: [] };
  try {
    for (const side of sides) await round(host.stack.url, side);
    const random = seededRandom(1);
    for (let turn = 0; turn < ROUNDS; turn++) {
      for (const side of shuffled(sides, random)) p99s[side].push(await round(host.stack.url, side));
    }
    const copies = /^rampart_mirrored_requests_total\{[^}]*result="sent"[^}]*\} (\d+)$/m.exec(
      await (await fetch(`${host.stack.adminUrl}/metrics`)).text(),
    )?.[1];
    return text(p99s, copies ?? '0');
  } finally {
    await host.stop();
  }
}

async function round(url: string, side: Side): Promise<number> {
  const times: number[] = [];
  const client = startSteadyClient({
    url,
    key: '',
    perSecond: PER_SECOND,
    keepAlive: true,
    method: 'GET',
    path: `/${side}`,
    onReply: (ms) => void times.push(ms),
  });
  await pause(ROUND_MS);
  const { sent, outcomes } = await client.stop();
  if (outcomes['200'] !== sent) throw new Error(`${side}: ${JSON.stringify(outcomes)} of ${sent}`);
  return quantile(times, 0.99);
}

function text(p99s: Readonly<Record<Side, readonly number[]>>, copies: string): string {
  const over = (first: readonly number[], second: readonly number[]): number => median(second) - median(first);
  const intervalOf = (side: Side): Interval =>
    bootstrapInterval(p99s.first, p99s[side], over, { random: seededRandom(1), resamples: 10_000, level: 0.95 });
  const shown = ({ low, high }: Interval): string => `${low.toFixed(2)} to ${high.toFixed(2)} ms`;
  const alike = intervalOf('second');
  const more = over(p99s.first, p99s.mirrored);
  const place = more <= alike.high ? 'within' : 'above';
  return [
    `${ROUNDS} rounds of ${PER_SECOND} req/s for ${ROUND_MS / 1000} s on each of three routes in random order, 5 ms of work; ${copies} copies sent.`,
    `p99, median over the rounds: ${sides.map((side) => `${side} ${median(p99s[side]).toFixed(2)} ms`).join(', ')}.`,
    `95 % interval of the difference of two routes that are alike: ${shown(alike)}; the mirrored route differs by ${more.toFixed(2)} ms (${shown(intervalOf('mirrored'))}), ${place} it.`,
  ].join('\n');
}

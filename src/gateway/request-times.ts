import type { Exchange } from './exchange.ts';

/** A request slower than this is slow, unless the configuration says otherwise. */
export const SLOW_MS = 500;

/**
 * The milliseconds that count when a request is called slow: to the head of the backend's reply, because a long body
 * may be a download; all of them for a request that no backend has answered. Zero for tunnels and long polls, which wait
 * for news, not for work.
 */
export function slowMs(x: Exchange, elapsedMs: number): number {
  if (x.tunnelled || x.route?.longLived === true) return 0;
  return x.execPhase === undefined ? elapsedMs : x.waitMs + x.execMs;
}

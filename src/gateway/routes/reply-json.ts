import type { Exchange } from '../exchange.ts';

/** Replies with JSON that no cache keeps. */
export function replyJson(x: Exchange, status: number, value: unknown): void {
  x.respond(status, ['content-type', 'application/json', 'cache-control', 'no-store'], JSON.stringify(value));
}

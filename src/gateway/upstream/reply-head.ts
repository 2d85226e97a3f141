import type { ReplyHeaders } from './reply-sink.ts';

/** Whether a backend says that it has too much to do: 429, or 503 with Retry-After or with the mark of a generator. */
export function saysOverloaded(status: number, headers: ReplyHeaders): boolean {
  const asksForLess = headers['retry-after'] !== undefined || headers['x-rampart-overloaded'] !== undefined;
  return status === 429 || (status === 503 && asksForLess);
}

/** Milliseconds after which a backend wants to be asked again; undefined where it does not say so in seconds. */
export function retryAfterMs(headers: ReplyHeaders): number | undefined {
  const seconds = Number(headers['retry-after']);
  return seconds > 0 ? seconds * 1000 : undefined;
}

/** undici undoes `chunked` alone: what else a transfer coding has done to the body, the client would not hear of. */
export function isReadable(headers: ReplyHeaders): boolean {
  const coding = headers['transfer-encoding'];
  return coding === undefined || (typeof coding === 'string' && coding.trim().toLowerCase() === 'chunked');
}

/** Whether a reply has no end of its own, so that it would hold a permit for as long as its client listens. */
export function isEventStream(headers: ReplyHeaders): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && type.slice(0, 17).toLowerCase() === 'text/event-stream';
}

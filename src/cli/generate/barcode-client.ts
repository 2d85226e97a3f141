import { Pool } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { backoffMs } from '../../policy/retry/backoff.ts';
import type { Random } from '../../core/random.ts';

/** An image, or why there is none. `end`: no further request makes sense. */
export type Created =
  | { readonly kind: 'image'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string; readonly detail: string }
  | { readonly kind: 'end'; readonly detail: string };

export interface BarcodeClientOptions {
  readonly url: string;
  readonly key: string;
  readonly connections: number;
  /** How long a service that has no room is waited for. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** The service has asked to wait. */
  readonly onWait: (ms: number, reason: string) => void;
}

interface Reply {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly bytes: Uint8Array;
}

/** In a row, without any reply: then the service is gone. About a minute. */
const MOST_FAILURES = 12;
/** Of one request, that ended in 5xx. */
const MOST_ERRORS = 4;
const failureLimits = { firstMs: 200, maxMs: 10_000 };
const DEFAULT_WAIT_MS = 1000;
/** Whatever Retry-After says. */
const LONGEST_WAIT_MS = 3_600_000;
const ANSWER_LIMIT_MS = 120_000;

/** Creates barcodes at a Rampart over HTTP, no faster than it allows. */
export class BarcodeClient {
  readonly #options: BarcodeClientOptions;
  readonly #pool: Pool;
  readonly #path: string;
  /** All requests wait until then, in monotonic milliseconds. */
  #pausedUntil = 0;
  /** Since when every reply was a 503; of all requests, because they meet the same service. */
  #noRoomSince: number | undefined;

  constructor(options: BarcodeClientOptions) {
    const { origin, pathname } = new URL(options.url);
    this.#options = options;
    this.#path = `${pathname.replace(/\/$/, '')}/v1/barcodes`;
    this.#pool = new Pool(origin, {
      connections: options.connections,
      headersTimeout: ANSWER_LIMIT_MS,
      bodyTimeout: ANSWER_LIMIT_MS,
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Creates one barcode; asks again as long as that can help. `idempotencyKey`: a repetition makes no second record. */
  async create(request: unknown, idempotencyKey: string): Promise<Created> {
    const body = JSON.stringify(request);
    let errors = 0;
    for (let failures = 0; failures < MOST_FAILURES;) {
      await this.#pause();
      const reply = await this.#send(body, idempotencyKey).catch((error: unknown) => messageOf(error));
      if (typeof reply === 'string') {
        failures++;
        if (failures === MOST_FAILURES)
          return { kind: 'end', detail: `${this.#options.url} does not answer: ${reply}` };
        await this.#sleep(backoffMs(failures, failureLimits, this.#options.random));
        continue;
      }
      failures = 0;
      if (this.#isNoRoomTooLong(reply)) return this.#noRoom(reply);
      const result = resultOf(reply);
      if (result.kind === 'again' && reply.status !== 409 && reply.status !== 429 && reply.status !== 503) errors++;
      if (result.kind !== 'again') return result;
      if (errors === MOST_ERRORS) return { kind: 'refused', ...problemOf(reply) };
      this.#waitFor(reply);
    }
    return { kind: 'end', detail: 'the service does not answer' };
  }

  #isNoRoomTooLong({ status }: Reply): boolean {
    const now = this.#options.clock.now();
    this.#noRoomSince = status === 503 ? (this.#noRoomSince ?? now) : undefined;
    return this.#noRoomSince !== undefined && now - this.#noRoomSince >= this.#options.waitMs;
  }

  #noRoom(reply: Reply): Created {
    const { reason, detail } = problemOf(reply);
    const seconds = Math.round(this.#options.waitMs / 1000);
    return { kind: 'end', detail: `the service has had no room for ${seconds} s (--wait): ${reason}: ${detail}` };
  }

  async #send(body: string, idempotencyKey: string): Promise<Reply> {
    const headers = {
      authorization: `Bearer ${this.#options.key}`,
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
    };
    const reply = await this.#pool.request({ method: 'POST', path: this.#path, headers, body });
    const seconds = Number(reply.headers['retry-after'] ?? Number.NaN);
    const retryAfterMs = Number.isFinite(seconds) ? Math.min(LONGEST_WAIT_MS, seconds * 1000) : undefined;
    const [contentType, location] = ['content-type', 'location'].map((name) => reply.headers[name]?.toString());
    const bytes = await reply.body.bytes();
    return { status: reply.statusCode, retryAfterMs, contentType: contentType ?? 'no content type', location, bytes };
  }

  /** What one request is told holds for all: they have the same key. */
  #waitFor(reply: Reply): void {
    const { status, retryAfterMs } = reply;
    const ms = retryAfterMs ?? DEFAULT_WAIT_MS;
    // 409: this request's first try has not ended yet, which is nothing to the others.
    const until = this.#options.clock.now() + ms;
    if (until > this.#pausedUntil) this.#pausedUntil = until;
    if (status !== 409) this.#options.onWait(ms, problemOf(reply).reason);
  }

  async #pause(): Promise<void> {
    for (let left = 1; left > 0;) {
      left = this.#pausedUntil - this.#options.clock.now();
      if (left > 0) await this.#sleep(left);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.setTimeout(resolve, ms));
  }
}

function resultOf(reply: Reply): Created | { readonly kind: 'again' } {
  const { status, bytes, location } = reply;
  if (status === 201 && bytes.length > 0) return { kind: 'image', bytes };
  if (status >= 300 && status < 400)
    return { kind: 'end', detail: `the address answers with status ${status} and leads to ${location ?? 'nowhere'}` };
  if (status === 409 || status === 429 || status === 408 || status >= 500) return { kind: 'again' };
  const { reason, detail } = problemOf(reply);
  if (status === 401 || status === 403 || status === 404 || status === 405) {
    return { kind: 'end', detail: status === 404 ? `there is no Rampart at this address (${detail})` : detail };
  }
  return { kind: 'refused', reason, detail };
}

function problemOf({ status, contentType, bytes }: Reply): { readonly reason: string; readonly detail: string } {
  try {
    const { reason, detail } = JSON.parse(Buffer.from(bytes).toString()) as { reason?: unknown; detail?: unknown };
    if (typeof reason === 'string' && typeof detail === 'string') return { reason, detail };
  } catch {
    // Not a reply of Rampart.
  }
  const what = bytes.length === 0 ? 'nothing in it' : `${contentType} that is no problem of Rampart`;
  return { reason: `status ${status}`, detail: `the reply has ${what}` };
}

import { lookup } from 'node:dns/promises';
import { Client } from 'undici';
import type { AddressSet } from '../core/addresses.ts';
import type { Clock } from '../core/clock.ts';
import { codeOf } from '../core/errors.ts';
import { addressOfUrl } from '../core/public-address.ts';
import type { WebhookAttempt } from '../policy/batch/webhook-delivery.ts';
import { mayReach, webhookUrlProblem } from '../policy/batch/webhook-url.ts';

export interface WebhookClientOptions {
  readonly clock: Clock;
  /** Addresses beside public ones that may be reached. */
  readonly allowed: AddressSet;
  /** All addresses of a host; another one for tests. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Authorities of certificates beside those of Node; for tests. */
  readonly ca?: string;
}

/** From the look-up of the name to the end of the reply. */
const LIMIT_MS = 10_000;
const CONNECT_LIMIT_MS = 5_000;
/** Of a host that has many, these are tried. */
const MOST_ADDRESSES = 4;
/** A receiver says what it has to say in its status. */
const MOST_BODY_BYTES = 16 * 1024;

const systemResolve = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/**
 * Posts to URLs that users chose. A host is resolved once, all of its addresses must be public or allowed, and the connection
 * goes to one of those: a name that leads elsewhere a moment later (DNS rebinding) changes nothing. Redirects are not followed.
 */
export class WebhookClient {
  readonly #options: WebhookClientOptions;

  constructor(options: WebhookClientOptions) {
    this.#options = options;
  }

  /** Never rejects. `cut`: ends the attempt. */
  async post(
    text: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    cut: AbortSignal = new AbortController().signal,
  ): Promise<WebhookAttempt> {
    const { allowed, clock } = this.#options;
    const problem = webhookUrlProblem(text, allowed);
    if (problem !== undefined) return failed(`the URL is refused: ${problem}`);
    const limit = new AbortController();
    const timer = clock.setTimeout(() => limit.abort(), LIMIT_MS);
    const signal = AbortSignal.any([limit.signal, cut]);
    try {
      const ended = await Promise.race([this.#send(new URL(text), { headers, body, signal }), aborted(signal)]);
      return ended ?? failed(limit.signal.aborted ? lateText : 'cut off by a stop of Rampart');
    } catch (error) {
      return failed(noReply(error));
    } finally {
      timer.cancel();
      limit.abort();
    }
  }

  async #send(url: URL, message: Message): Promise<WebhookAttempt> {
    const addresses = await this.#addressesOf(url);
    if (addresses.length === 0) return failed('its host has no address');
    if (!addresses.every((address) => mayReach(address, this.#options.allowed)))
      return failed('its host has an address that is not public');
    if (url.protocol === 'http:' && !addresses.every((address) => this.#options.allowed.has(address)))
      return failed('it must begin with https://');
    let last: WebhookAttempt = failed('no reply');
    for (const address of addresses.slice(0, MOST_ADDRESSES)) {
      last = await postTo(address, url, message, this.#options.ca);
      if (last.kind === 'reply' || message.signal.aborted) return last;
    }
    return last;
  }

  async #addressesOf(url: URL): Promise<readonly string[]> {
    const address = addressOfUrl(url);
    if (address !== undefined) return [address];
    const { resolve = systemResolve } = this.#options;
    return resolve(url.hostname).catch(() => []);
  }
}

interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** A connection to this address, whatever the name of the host leads to; the certificate must be that of the name. */
async function postTo(
  address: string,
  url: URL,
  { headers, body, signal }: Message,
  ca: string | undefined,
): Promise<WebhookAttempt> {
  const place = address.includes(':') ? `[${address}]` : address;
  const origin = `${url.protocol}//${place}${url.port === '' ? '' : `:${url.port}`}`;
  const servername = addressOfUrl(url) === undefined ? url.hostname : '';
  const client = new Client(origin, {
    connect: { servername, timeout: CONNECT_LIMIT_MS, ...(ca !== undefined && { ca }) },
    headersTimeout: LIMIT_MS,
    bodyTimeout: LIMIT_MS,
  });
  try {
    const path = `${url.pathname}${url.search}`;
    const reply = await client.request({ method: 'POST', path, headers: { ...headers, host: url.host }, body, signal });
    await reply.body.dump({ limit: MOST_BODY_BYTES, signal });
    return { kind: 'reply', status: reply.statusCode };
  } catch (error) {
    return failed(noReply(error));
  } finally {
    await client.destroy();
  }
}

const lateText = `no reply within ${LIMIT_MS / 1000} s`;
const failed = (why: string): WebhookAttempt => ({ kind: 'failed', why });
const noReply = (error: unknown): string => `no reply: ${codeOf(error) ?? 'the connection broke'}`;

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

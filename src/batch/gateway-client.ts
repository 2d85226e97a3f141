import { readdirSync, rmSync } from 'node:fs';
import { Client } from 'undici';
import { codeOf, messageOf } from '../core/errors.ts';
import type { ItemReply } from '../policy/batch/item-reply.ts';
import { isItemSocket, itemSocketPath } from '../protocol/item-socket.ts';

/** A reply with what it carried. */
export interface ItemAnswer {
  readonly reply: ItemReply;
  readonly bytes: Uint8Array;
  /** Of a refusal or an error. */
  readonly reason: string;
  readonly detail: string;
}

export interface GatewayClientOptions {
  readonly runFolder: string;
  /** Requests in flight at a time, at one gateway worker. */
  readonly connections: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** How long the list of sockets is good. */
const FRESH_MS = 1000;
/** Beyond the queue and the backend: a gateway that says nothing for this long hangs. */
const ANSWER_LIMIT_MS = 120_000;
/** Errors of a connection that was never made: no byte of the request has been sent. */
const neverSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'EAGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const nothing = new Uint8Array(0);

/** The gateway workers of this host, by the sockets that only this user can reach; they take turns. */
export class GatewayClient {
  readonly #options: GatewayClientOptions;
  readonly #clients = new Map<string, Client[]>();
  #names: readonly string[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #turn = 0;

  constructor(options: GatewayClientOptions) {
    this.#options = options;
  }

  /** Renders one item for the owner of a key, as bulk work. Never rejects. */
  async render(keyId: string, request: string, signal: AbortSignal): Promise<ItemAnswer> {
    let last = failure({ kind: 'not-sent' }, 'no-gateway', 'no gateway worker runs on this host');
    // A worker that was killed leaves its socket; another one takes the item.
    for (let name = this.#next(); name !== undefined && !signal.aborted; name = this.#next()) {
      last = await this.#askOne(name, keyId, request, signal);
      if (last.reply.kind !== 'not-sent') return last;
    }
    return last;
  }

  async #askOne(name: string, keyId: string, request: string, signal: AbortSignal): Promise<ItemAnswer> {
    const client = this.#take(name);
    try {
      return await ask(client, keyId, request, signal);
    } catch (error) {
      const code = codeOf(error) ?? '';
      const isSent = !neverSent.has(code);
      if (!isSent) this.#leaveOut(name, code === 'ECONNREFUSED');
      return failure({ kind: isSent ? 'broken' : 'not-sent' }, 'upstream-failed', messageOf(error));
    } finally {
      this.#giveBack(name, client);
    }
  }

  /** Until the folder is read again. The socket of a process that was killed is removed. */
  #leaveOut(name: string, isStale: boolean): void {
    this.#names = this.#names.filter((other) => other !== name);
    if (isStale) rmSync(itemSocketPath(this.#options.runFolder, name), { force: true });
  }

  async close(): Promise<void> {
    const all = [...this.#clients.values()].flat();
    this.#clients.clear();
    await Promise.all(all.map((client) => client.destroy()));
  }

  #next(): string | undefined {
    const now = this.#options.now();
    if (now - this.#readAt > FRESH_MS) this.#read(now);
    return this.#names[this.#turn++ % this.#names.length];
  }

  #read(now: number): void {
    this.#readAt = now;
    this.#names = readdirSync(this.#options.runFolder).filter(isItemSocket).sort();
    const gone = [...this.#clients].filter(([name]) => !this.#names.includes(name));
    for (const [name, clients] of gone) {
      this.#clients.delete(name);
      for (const client of clients) void client.destroy();
    }
  }

  /** A connection carries one request at a time, so that a request which breaks it breaks no other. */
  #take(name: string): Client {
    const idle = this.#clients.get(name)?.pop();
    if (idle !== undefined) return idle;
    const socketPath = itemSocketPath(this.#options.runFolder, name);
    return new Client('http://gateway', { socketPath, headersTimeout: ANSWER_LIMIT_MS, bodyTimeout: ANSWER_LIMIT_MS });
  }

  #giveBack(name: string, client: Client): void {
    const idle = this.#clients.get(name) ?? [];
    if (!this.#names.includes(name) || idle.length >= this.#options.connections) void client.destroy();
    else this.#clients.set(name, [...idle, client]);
  }
}

async function ask(client: Client, keyId: string, request: string, signal: AbortSignal): Promise<ItemAnswer> {
  const { statusCode, headers, body } = await client.request({
    method: 'POST',
    path: '/items',
    headers: { 'content-type': 'application/json', 'x-batch-key': keyId },
    body: request,
    signal,
  });
  const bytes = await body.bytes();
  const retryAfter = Number(headers['retry-after']);
  const retryAfterSeconds = Number.isFinite(retryAfter) ? retryAfter : undefined;
  const reply = { kind: 'reply', status: statusCode, retryAfterSeconds } as const;
  return statusCode === 200 ? { reply, bytes, reason: '', detail: '' } : { reply, bytes: nothing, ...refusalOf(bytes) };
}

/** The problem of a refused item, as the gateway writes it. */
function refusalOf(bytes: Uint8Array): { readonly reason: string; readonly detail: string } {
  try {
    const { reason, detail } = JSON.parse(Buffer.from(bytes).toString()) as { reason?: unknown; detail?: unknown };
    return { reason: String(reason), detail: String(detail) };
  } catch {
    return { reason: 'upstream-failed', detail: 'the gateway has given no reason' };
  }
}

const failure = (reply: ItemReply, reason: string, detail: string): ItemAnswer => ({
  reply,
  bytes: nothing,
  reason,
  detail,
});

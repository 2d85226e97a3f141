import { setTimeout as pause } from 'node:timers/promises';
import { machineNowMs } from '../../src/core/machine-time.ts';
import type { Random } from '../../src/core/random.ts';
import type { Interval } from './checkers/cap.ts';
import type { GatewayHost } from './members/gateway-host.ts';
import { pick } from './pick.ts';

/** A batch from the first request for it to its last result, as its client saw it. */
export interface BatchCall extends Interval {
  readonly name: string;
  /** The host that accepted it; empty if none did. */
  readonly host: string;
  readonly items: readonly string[];
  /** Requests until it was accepted, all with one key. */
  readonly requests: number;
  /** The status and the reason of the last request that was not accepted; status 0: no answer. */
  readonly refusal?: string;
  /** When it was accepted; absent if it never was. */
  readonly acceptedMs?: number;
  /** When a host showed it as completed; absent if none did. */
  readonly completedMs?: number;
  /** Texts of the items that the results have, and of those that failed. */
  readonly results: readonly string[];
  readonly failed: readonly string[];
  /** Answers that knew nothing of it, although it was accepted. */
  readonly unknown: number;
}

const ITEMS = 20;
const EVERY_MS = 1000;
const ASK_EVERY_MS = 500;
/** The part of the requests that is sent twice at once. */
const IMPATIENT = 0.5;
/** Batches that are under way at a time. */
const MOST_OPEN = 6;
const PATIENCE_MS = 8000;
/** A worker that died is noticed after 15 s, and its chunk may wait for another one. */
const DRAIN_MS = 60_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

type Accepted = Pick<BatchCall, 'host' | 'requests' | 'refusal' | 'acceptedMs'> & { readonly id?: string };

/** Clients that hand over batches at any host, ask any host for their progress, and read their results at the end. */
export class BatchClients {
  readonly calls: BatchCall[] = [];
  readonly #hosts: readonly GatewayHost[];
  readonly #key: string;
  readonly #random: Random;
  readonly #open = new Set<Promise<void>>();
  readonly #loop: Promise<void>;
  #isStopped = false;
  #drainUntilMs = Infinity;

  /** `key`: an API key that all hosts know. */
  constructor(hosts: readonly GatewayHost[], key: string, random: Random) {
    this.#hosts = hosts;
    this.#key = key;
    this.#random = random;
    this.#loop = this.#handOver();
  }

  /** Resolves when every accepted batch is completed, or a minute later at the latest. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#drainUntilMs = machineNowMs() + DRAIN_MS;
    await this.#loop;
    await Promise.all(this.#open);
  }

  async #handOver(): Promise<void> {
    for (let count = 1; !this.#isStopped; count++) {
      const batch = this.#batch(`batch-${count}`).finally(() => this.#open.delete(batch));
      this.#open.add(batch);
      await pause(EVERY_MS);
      while (this.#open.size >= MOST_OPEN && !this.#isStopped) await pause(ASK_EVERY_MS);
    }
  }

  async #batch(name: string): Promise<void> {
    const startMs = machineNowMs();
    const items = Array.from({ length: ITEMS }, (_, index) => `${name} item ${index + 1}`);
    const accepted = await this.#accepted(name, items);
    const ended = accepted.id === undefined ? nothing : await this.#ended(accepted.id);
    const { id: _, ...asked } = accepted;
    this.calls.push({ name, items, startMs, endMs: machineNowMs(), ...asked, ...ended });
  }

  /** Sends it until a host has accepted it, each time to any host: a request without an answer may have been accepted, too. */
  async #accepted(name: string, items: readonly string[]): Promise<Accepted> {
    const body = items.map((text) => JSON.stringify({ symbology: 'qrcode', text })).join('\n');
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': name };
    let refused = {};
    for (let requests = 1; ; requests++) {
      const host = this.#anyHost();
      const send = (to: GatewayHost): Promise<Answer> =>
        this.#ask(to, '/v1/batches', { method: 'POST', headers, body });
      // An impatient client does not wait for the answer: its repetition reaches another host at the same time.
      const repeated = this.#random() < IMPATIENT ? send(this.#anyHost()) : undefined;
      const answers = await Promise.all([send(host), repeated]);
      const found = answers.find((answer) => answer?.status === 202);
      if (found !== undefined) {
        const { id } = JSON.parse(found.text) as { readonly id: string };
        return { id, host: host.place.name, requests, acceptedMs: machineNowMs(), ...refused };
      }
      const [{ status, text }] = answers;
      refused = { refusal: `${status} ${/"reason":"([\w-]+)"/.exec(text)?.[1] ?? ''}` };
      if (this.#isStopped) return { host: '', requests, ...refused };
      await pause(ASK_EVERY_MS);
    }
  }

  async #ended(id: string): Promise<Pick<BatchCall, 'completedMs' | 'results' | 'failed' | 'unknown'>> {
    let unknown = 0;
    while (machineNowMs() < this.#drainUntilMs) {
      await pause(ASK_EVERY_MS);
      const { status, text } = await this.#ask(this.#anyHost(), `/v1/batches/${id}`);
      if (status === 404) unknown++;
      if (status !== 200 || (JSON.parse(text) as { readonly status: string }).status !== 'completed') continue;
      const completedMs = machineNowMs();
      return { completedMs, unknown, ...(await this.#results(id)) };
    }
    return { ...nothing, unknown, ...(await this.#results(id)) };
  }

  async #results(id: string): Promise<Pick<BatchCall, 'results' | 'failed'>> {
    for (;;) {
      const { status, text } = await this.#ask(this.#anyHost(), `/v1/batches/${id}/results`);
      if (status === 200) {
        const lines = text.split('\n').filter((line) => line !== '');
        const all = lines.map((line) => JSON.parse(line) as { readonly text: string; readonly status: string });
        const failed = all.filter((line) => line.status !== 'done').map((line) => line.text);
        return { results: all.map((line) => line.text), failed };
      }
      if (machineNowMs() >= this.#drainUntilMs) return nothing;
      await pause(ASK_EVERY_MS);
    }
  }

  #anyHost(): GatewayHost {
    return pick(this.#hosts, this.#random);
  }

  /** Never rejects: 0 stands for no answer, or half of one. */
  async #ask(host: GatewayHost, path: string, init: RequestInit = {}): Promise<Answer> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${this.#key}`);
    try {
      const reply = await fetch(`${host.ownUrl}${path}`, {
        ...init,
        headers,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      return { status: reply.status, text: await reply.text() };
    } catch {
      return { status: 0, text: '' };
    }
  }
}

const nothing = { results: [], failed: [], unknown: 0 } as const;

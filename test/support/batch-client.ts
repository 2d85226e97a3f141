import assert from 'node:assert/strict';
import { eventually } from './raw.ts';

/** Where a client of batches sends its requests. */
export interface BatchHost {
  readonly url: string;
  readonly key: string;
}

/** A batch as `GET /v1/batches/{id}` shows it. */
export interface BatchState {
  readonly id: string;
  readonly status: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly pending: number;
}

export interface ResultLine {
  readonly item: number;
  readonly status: string;
  readonly text: string;
  readonly id?: string;
  readonly image?: string;
  readonly reason?: string;
  readonly detail?: string;
}

/** Creates batches and reads them, as a client does. */
export class BatchClient {
  readonly #host: BatchHost;

  constructor(host: BatchHost) {
    this.#host = host;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${this.#host.key}`);
    return fetch(`${this.#host.url}${path}`, { ...init, headers });
  }

  post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch('/v1/batches', {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', ...headers },
      body,
    });
  }

  /** The id of a batch of these requests. */
  async create(requests: readonly unknown[]): Promise<string> {
    const reply = await this.post(requests.map((request) => JSON.stringify(request)).join('\n'));
    assert.equal(reply.status, 202, await reply.clone().text());
    return ((await reply.json()) as BatchState).id;
  }

  async state(id: string): Promise<BatchState> {
    const reply = await this.fetch(`/v1/batches/${id}`);
    assert.equal(reply.status, 200);
    return (await reply.json()) as BatchState;
  }

  async whenEnded(id: string, limitMs = 60_000): Promise<BatchState> {
    let state: BatchState | undefined;
    await eventually(
      'the batch has ended',
      async () => {
        state = await this.state(id).catch(() => undefined);
        return state !== undefined && state.status !== 'queued' && state.status !== 'running';
      },
      limitMs,
    );
    return state as BatchState;
  }

  async results(id: string): Promise<ResultLine[]> {
    const reply = await this.fetch(`/v1/batches/${id}/results`);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers.get('content-type'), 'application/x-ndjson');
    const lines = (await reply.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as ResultLine);
  }
}

/** Requests for QR codes of consecutive texts. */
export const qrcodes = (count: number, prefix = 'item'): { symbology: string; text: string }[] =>
  Array.from({ length: count }, (_, index) => ({ symbology: 'qrcode', text: `${prefix} ${index + 1}` }));

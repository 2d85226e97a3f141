// npm run bench -- batch: 12,000 products as one batch, what requests beside it feel, the time of small batches, how fast a batch
// is accepted, and what each process takes for one of 100,000.
import { existsSync, readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { gs1CheckDigit } from '../../src/barcode/check-digit.ts';
import { median, quantile } from '../../src/lab/statistics/quantile.ts';
import { readProducts } from '../../test/support/products.ts';
import { type ProcessRole, startWholeHost, type WholeHost } from './whole-host.ts';

const PRODUCTS = 12_000;
const LARGE = 100_000;
/** A person at a time: far below the capacity, so that a wait is the batch's doing. */
const REQUESTS_PER_SECOND = 25;
const ALONE_SECONDS = 20;
const SMALL_ROUNDS = 7;
const LIMIT_MS = 600_000;

interface Latencies {
  readonly count: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

export interface BatchFigures {
  readonly alone: Latencies;
  readonly beside: Latencies;
  readonly productsPerSecond: number;
  /** Milliseconds from the request to the last result, medians. */
  readonly small: ReadonlyMap<number, number>;
  readonly acceptedPerSecond: number;
  readonly largePerSecond: number;
  /** MiB that the largest process of a role has grown by in the batch of 100,000. */
  readonly growth: ReadonlyMap<ProcessRole, number>;
}

/** Everything in one run, on one host. */
export async function benchBatch(): Promise<BatchFigures> {
  const host = await startWholeHost();
  const client = new BenchClient(host);
  try {
    await client.whenDone(await client.post(requests(2000)));
    const alone = await client.measure(wait(ALONE_SECONDS * 1000));
    const since = performance.now();
    const batch = client.post(requests(PRODUCTS)).then((id) => client.whenDone(id));
    const beside = await client.measure(batch);
    const productsPerSecond = PRODUCTS / ((performance.now() - since) / 1000);
    const small = new Map<number, number>();
    for (const size of [100, 1000]) small.set(size, await client.medianTime(size));
    return { alone, beside, productsPerSecond, small, ...(await large(host, client)) };
  } finally {
    await client.close();
    await host.stop();
  }
}

async function large(host: WholeHost, client: BenchClient) {
  const before = memoryByProcess(host);
  const peak = new Map(before);
  const body = requests(LARGE);
  const since = performance.now();
  const id = await client.post(body);
  const acceptedPerSecond = LARGE / ((performance.now() - since) / 1000);
  await client.whenDone(id, () => {
    for (const [pid, mebibytes] of memoryByProcess(host)) peak.set(pid, Math.max(peak.get(pid) ?? 0, mebibytes));
  });
  const growth = new Map<ProcessRole, number>();
  for (const { pid, role } of host.processes()) {
    const grown = (peak.get(pid) ?? 0) - (before.get(pid) ?? peak.get(pid) ?? 0);
    growth.set(role, Math.max(growth.get(role) ?? 0, grown));
  }
  return { acceptedPerSecond, largePerSecond: LARGE / ((performance.now() - since) / 1000), growth };
}

/** The memory of each process that is its own: pages of PostgreSQL's shared buffers are no growth. */
function memoryByProcess(host: WholeHost): Map<number, number> {
  const memory = new Map<number, number>();
  for (const { pid } of host.processes()) {
    if (!existsSync(`/proc/${pid}/status`)) continue;
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    memory.set(pid, Number(/^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1024);
  }
  return memory;
}

let serial = 0;
const names = readProducts().map(({ name }) => name);

/** Half EAN-13, half QR codes with the product's name, no two alike, so that none comes from the cache. */
function requests(count: number): string {
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const digits = String(200_000_000_000 + serial++);
    const code = `${digits}${gs1CheckDigit(digits)}`;
    const request =
      index % 2 === 0
        ? { symbology: 'ean13', text: code }
        : { symbology: 'qrcode', text: `${names[serial % names.length]} ${code}` };
    lines.push(JSON.stringify(request));
  }
  return lines.join('\n');
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class BenchClient {
  readonly #pool: Pool;
  readonly #headers: Record<string, string>;

  constructor({ port, key }: WholeHost) {
    this.#pool = new Pool(`http://127.0.0.1:${port}`);
    this.#headers = { authorization: `Bearer ${key}` };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async post(body: string): Promise<string> {
    const headers = { ...this.#headers, 'content-type': 'application/x-ndjson' };
    const reply = await this.#pool.request({ method: 'POST', path: '/v1/batches', headers, body });
    const text = await reply.body.text();
    if (reply.statusCode !== 202)
      throw new Error(`The batch was not accepted: ${reply.statusCode} ${text.slice(0, 200)}`);
    return (JSON.parse(text) as { id: string }).id;
  }

  /** Looks every quarter of a second, or as often as asked. */
  async whenDone(id: string, onLook = (): void => {}, everyMs = 250): Promise<void> {
    const giveUpAt = performance.now() + LIMIT_MS;
    while (performance.now() < giveUpAt) {
      const reply = await this.#pool.request({ method: 'GET', path: `/v1/batches/${id}`, headers: this.#headers });
      const { status, failed } = (await reply.body.json()) as { status: string; failed: number };
      if (failed > 0) throw new Error(`${failed} items of the batch have failed`);
      if (status === 'completed') return;
      onLook();
      await wait(everyMs);
    }
    throw new Error('The batch has not ended in time');
  }

  async medianTime(size: number): Promise<number> {
    const times: number[] = [];
    for (let round = 0; round < SMALL_ROUNDS; round++) {
      const body = requests(size);
      const since = performance.now();
      await this.whenDone(await this.post(body), undefined, 10);
      times.push(performance.now() - since);
    }
    return median(times);
  }

  /** Creates barcodes at a fixed rate until the work has ended; a late request counts from when it was due. */
  async measure(work: Promise<void>): Promise<Latencies> {
    const latencies: number[] = [];
    const end = new AbortController();
    let failed = 0;
    const over = work.finally(() => end.abort());
    const open: Promise<void>[] = [];
    const start = performance.now();
    const createOne = async (due: number): Promise<void> => {
      if (await this.#create(serial++)) latencies.push(performance.now() - due);
      else failed++;
    };
    for (let index = 0; !end.signal.aborted; index++) {
      const due = start + (index * 1000) / REQUESTS_PER_SECOND;
      await Promise.race([wait(Math.max(0, due - performance.now())), over]);
      open.push(createOne(due));
    }
    await over;
    await Promise.all(open);
    return { count: latencies.length, failed, p50: median(latencies), p99: quantile(latencies, 0.99) };
  }

  async #create(number: number): Promise<boolean> {
    const body = JSON.stringify({ symbology: 'qrcode', text: `interactive ${number}` });
    const headers = { ...this.#headers, 'content-type': 'application/json' };
    const reply = await this.#pool.request({ method: 'POST', path: '/v1/barcodes', headers, body });
    await reply.body.dump();
    return reply.statusCode === 201;
  }
}

export function batchTable(figures: BatchFigures): string {
  const { alone, beside, small, growth } = figures;
  const latency = ({ p50, p99, count, failed }: Latencies): string =>
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (${count} requests, ${failed} failed)`;
  const grown = [...growth].map(([role, mebibytes]) => `${role} ${mebibytes.toFixed(0)}`).join(', ');
  return [
    '| what | measured | goal |',
    '|---|---|---|',
    `| ${PRODUCTS} products as one batch | ${figures.productsPerSecond.toFixed(0)} a second | |`,
    `| \`createBarcode\` alone, ${REQUESTS_PER_SECOND} a second | ${latency(alone)} | |`,
    `| \`createBarcode\` beside the batch | ${latency(beside)} | |`,
    `| ratio of the p99 | ${(beside.p99 / alone.p99).toFixed(2)} | 1.5 |`,
    ...[...small].map(
      ([size, ms]) =>
        `| a batch of ${size}, to its last result | ${ms.toFixed(0)} ms | ${size === 100 ? 500 : 3000} ms |`,
    ),
    `| a batch of ${LARGE}, until it is accepted | ${figures.acceptedPerSecond.toFixed(0)} items a second | 50000 |`,
    `| the same, until it is done | ${figures.largePerSecond.toFixed(0)} items a second | |`,
    `| the same, growth of the largest process in MiB | ${grown} | 50 each |`,
  ].join('\n');
}

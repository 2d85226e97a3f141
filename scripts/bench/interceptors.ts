// npm run bench -- interceptors: what undici's deduplicate and cache interceptors do where a coalesced fetch of Rampart
// has a rule (ADR 71). Everything runs in this process, against a backend that counts the requests it gets.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, type Dispatcher, interceptors, request } from 'undici';

export interface Finding {
  readonly question: string;
  readonly answer: string;
}

const CLIENTS = 5;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks five times at the same time through a dispatcher. Resolves with the bodies, or the errors. */
async function askTogether(
  backend: RequestListener,
  dispatcher: Dispatcher,
  options: (client: number) => {
    headers?: Record<string, string>;
    signal?: AbortSignal;
    delayMs?: number;
  } = () => ({}),
): Promise<{ asked: number; results: PromiseSettledResult<string>[] }> {
  let asked = 0;
  const server: Server = createServer((req, res) => {
    asked++;
    backend(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    const ask = async (client: number): Promise<string> => {
      const { delayMs = 0, ...rest } = options(client);
      await pause(delayMs);
      const { body } = await request(url, { dispatcher, ...rest });
      return body.text();
    };
    const results = await Promise.allSettled(Array.from({ length: CLIENTS }, (_, client) => ask(client)));
    return { asked, results };
  } finally {
    await dispatcher.destroy();
    server.closeAllConnections();
    server.close();
  }
}

const deduplicating = (excludeHeaderNames: string[] = []): Dispatcher =>
  new Agent().compose(interceptors.deduplicate({ excludeHeaderNames }));

export async function findInterceptorRules(): Promise<Finding[]> {
  const slowly: RequestListener = (_req, res) => void setTimeout(() => res.end('x'), 50);
  const ids = (client: number) => ({ headers: { 'x-request-id': String(client) } });
  const separate = await askTogether(slowly, deduplicating(), ids);

  let number = 0;
  const personal: RequestListener = (_req, res) => {
    const body = `for ${number++}`;
    setTimeout(() => res.writeHead(200, { 'cache-control': 'private' }).end(body), 50);
  };
  const shared = await askTogether(personal, deduplicating(['x-request-id']), ids);
  const texts = shared.results.map((result) => (result.status === 'fulfilled' ? result.value : 'error'));

  const leaving = new AbortController();
  setTimeout(() => leaving.abort(), 100);
  const patient: RequestListener = (_req, res) => void setTimeout(() => res.end('x'), 300);
  const left = await askTogether(patient, deduplicating(), (client) =>
    client === 0 ? { signal: leaving.signal } : {},
  );

  const pieces: RequestListener = (_req, res) => {
    res.write('first,');
    setTimeout(() => res.end('last'), 300);
  };
  const late = await askTogether(pieces, deduplicating(), (client) => ({ delayMs: client === 0 ? 0 : 100 }));

  const cacheable: RequestListener = (_req, res) =>
    void setTimeout(() => res.writeHead(200, { 'cache-control': 'max-age=60' }).end('x'), 50);
  const cached = await askTogether(cacheable, new Agent().compose(interceptors.cache({ type: 'shared' })));

  const failed = left.results.filter(({ status }) => status === 'rejected').length;
  const others = texts.filter((text) => text === texts[0]).length;
  return [
    {
      question: 'deduplicate: 5 requests that differ in x-request-id alone',
      answer: `${separate.asked} at the backend`,
    },
    { question: 'the same, the field excluded, replies private', answer: `${others} clients got one client's reply` },
    { question: 'deduplicate: the first of 5 clients leaves', answer: `${failed} of 5 fail` },
    { question: 'deduplicate: 4 clients come after the first byte', answer: `${late.asked} at the backend` },
    { question: 'cache alone: 5 misses at the same time', answer: `${cached.asked} at the backend` },
  ];
}

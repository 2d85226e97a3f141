import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { TestGateway, TestGatewayOptions } from './gateway.ts';
import { startBackend, startGateway } from './proxying.ts';

type Cache = NonNullable<TestGatewayOptions['routes']>[number]['cache'];

export interface CachingOptions extends TestGatewayOptions {
  readonly cache?: Cache;
  readonly authenticate?: boolean;
  readonly cap?: number;
  readonly timeoutMs?: number;
}

/** A backend that counts, behind a gateway whose one route is cached. */
export interface Caching {
  readonly rampart: TestGateway;
  /** What the backend has been asked. */
  readonly seen: IncomingMessage[];
}

export async function startCaching(
  answer: (req: IncomingMessage, res: ServerResponse, number: number) => void,
  { cache = { ttlSeconds: 60 }, ...more }: CachingOptions = {},
): Promise<Caching> {
  const seen: IncomingMessage[] = [];
  const { origin } = await startBackend((req, res) => answer(req, res, seen.push(req)));
  const rampart = await startGateway([origin], { cache, ...more } as Parameters<typeof startGateway>[1]);
  return { rampart, seen };
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly cacheStatus: string;
}

/** fetch adds fields of its own that say something about caches; this sends what it is told. */
export function get(
  rampart: Pick<TestGateway, 'port'>,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const req = httpRequest({
      port: rampart.port,
      path,
      method,
      headers: { host: 'a.example', ...headers },
      agent: false,
    });
    req.on('error', reject);
    req.on('response', (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          body: Buffer.concat(chunks).toString(),
          cacheStatus: String(res.headers['cache-status']),
        }),
      );
    });
    req.end();
  });
}

/** Sends this many of the same at once. */
export const many = (count: number, one: () => Promise<Got>): Promise<Got[]> =>
  Promise.all(Array.from({ length: count }, one));

/** Answers with these fields, and the number of the request. */
export const saying =
  (headers: Record<string, string | string[]>, status = 200) =>
  (_req: IncomingMessage, res: ServerResponse, number: number): void =>
    void res.writeHead(status, headers).end(`reply ${number}`);

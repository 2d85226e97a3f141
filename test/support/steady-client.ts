import { Agent, request } from 'node:http';

/** What became of the requests of a client that sends at a steady rate. */
export interface SteadyResult {
  readonly sent: number;
  /** Replies by status, and `error:CODE` where there was none. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The `Location` of each reply that came whole. */
  readonly locations: readonly string[];
  /** Longest time from a request to its end, in milliseconds. */
  readonly slowestMs: number;
}

export interface SteadyOptions {
  readonly url: string;
  readonly key: string;
  readonly perSecond: number;
  readonly keepAlive: boolean;
  readonly method?: string;
  readonly path?: string;
  /** The same for all requests, or that of each by its number. */
  readonly body?: string | ((index: number) => string);
  /** Gets the number and the outcome of each request that has ended, and the `Location` of its reply. */
  readonly onOutcome?: ((index: number, outcome: string, location: string | undefined) => void) | undefined;
  /** Gets the time of each request that has ended, in milliseconds. */
  readonly onReply?: ((ms: number) => void) | undefined;
}

/** The body of a request for a barcode. */
export const barcodeOf = (text: string): string => JSON.stringify({ symbology: 'qrcode', text });

/** A request that is not answered for this long has been lost. */
const SILENCE_LIMIT_MS = 10_000;

/** Sends at a steady rate, whatever comes back, until it is stopped; then waits for every answer. */
export function startSteadyClient(options: SteadyOptions): { stop(): Promise<SteadyResult> } {
  const agent = new Agent({ keepAlive: options.keepAlive, maxSockets: 64 });
  const outcomes: Record<string, number> = {};
  const locations: string[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  let slowestMs = 0;
  const { method = 'POST', path = '/v1/barcodes', body } = options;
  const one = (): void => {
    const startedAt = performance.now();
    const index = sent;
    const text = typeof body === 'function' ? body(index) : (body ?? barcodeOf(`steady ${index}`));
    const answered = new Promise<void>((resolve) => {
      const end = (outcome: string, location?: string): void => {
        options.onOutcome?.(index, outcome, location);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        const ms = performance.now() - startedAt;
        slowestMs = Math.max(slowestMs, ms);
        options.onReply?.(ms);
        resolve();
      };
      const headers = {
        authorization: `Bearer ${options.key}`,
        'content-type': 'application/json',
        'content-length': method === 'GET' ? 0 : Buffer.byteLength(text),
      };
      const req = request(`${options.url}${path}`, { method, agent, headers }, (res) => {
        res.resume();
        res.on('end', () => {
          const { location } = res.headers;
          if (location !== undefined) locations.push(location);
          end(String(res.statusCode), location);
        });
        res.on('error', () => end('error:cut'));
      });
      req.on('error', (error: NodeJS.ErrnoException) => end(`error:${error.code}`));
      req.setTimeout(SILENCE_LIMIT_MS, () => req.destroy(Object.assign(new Error('no answer'), { code: 'SILENT' })));
      req.end(method === 'GET' ? undefined : text);
    });
    sent++;
    open.add(answered);
    void answered.then(() => open.delete(answered));
  };
  const timer = setInterval(one, 1000 / options.perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      return { sent, outcomes, locations, slowestMs };
    },
  };
}

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { httpOrigin, socketPathOf } from '../core/backend-url.ts';
import { Agent, request } from '../core/node-http.ts';
import { TlsFiles } from '../core/tls-files.ts';
import { isIP } from 'node:net';
import type { HealthCheck, UpstreamTls } from '../config/model.ts';
import { codeOf } from '../core/errors.ts';

/** Error codes which show that no process listens, so that further checks would find the same. */
const definite: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT']);
/** A longer health page is not read to its end: the status of the reply has decided already. */
const MAX_PAGE_BYTES = 8 * 1024;
const TIMED_OUT = 'timeout';

/** Checks come twice a second, so a connection that is idle for longer belongs to a backend that is no longer checked. */
const agent = new Agent({ keepAlive: true, timeout: 5_000, maxFreeSockets: 1 });

export type ProbeHealth = Pick<HealthCheck, 'path' | 'host' | 'timeoutMs' | 'tls'>;

export interface ProbeResult {
  /** Undefined when the answer was 2xx. */
  readonly problem: string | undefined;
  /** Undefined when there was no answer. */
  readonly status: number | undefined;
  readonly definite: boolean;
  /** There was no answer in time: the backend hangs or is busy. */
  readonly timedOut: boolean;
  /** The page, where it is JSON and small. */
  readonly report: unknown;
}

/** Asks a backend once. */
export async function probe(origin: string, health: ProbeHealth): Promise<ProbeResult> {
  const signal = AbortSignal.timeout(health.timeoutMs);
  let reply: IncomingMessage;
  try {
    reply = await headOf(origin, health, signal);
  } catch (error) {
    const code = signal.aborted ? TIMED_OUT : (codeOf(error) ?? (error instanceof Error ? error.name : 'unknown'));
    const timedOut = signal.aborted;
    return { problem: code, status: undefined, definite: definite.has(code), timedOut, report: undefined };
  }
  const status = reply.statusCode ?? 0;
  const problem = status >= 200 && status < 300 ? undefined : `status ${status}`;
  return { problem, status, definite: false, timedOut: false, report: await readReport(reply) };
}

function headOf(origin: string, health: ProbeHealth, signal: AbortSignal): Promise<IncomingMessage> {
  const { path, host, tls } = health;
  return new Promise((resolve, reject) => {
    const headers = host === undefined ? {} : { host };
    const socketPath = socketPathOf(origin);
    // A kept connection would stay at the address to which the name resolved when the connection was made, and with the
    // certificates of that time.
    const isKept = socketPath === undefined && isIP(new URL(origin).hostname.replace(/^\[|\]$/g, '')) !== 0;
    const url = `${httpOrigin(origin)}${path}`;
    const req = origin.startsWith('https:')
      ? secureRequest(url, { agent: false, signal, headers, ...tlsOptions(tls) })
      : request(url, { agent: isKept ? agent : false, signal, headers, ...(socketPath && { socketPath }) });
    req.on('response', resolve);
    req.on('error', reject);
    req.end();
  });
}

/** node:https is loaded only where a backend needs it. */
const secureRequest = (url: string, options: RequestOptions): ClientRequest =>
  process.getBuiltinModule('node:https').request(url, options);

/** Read anew for each check, which is what a new certificate file needs. */
function tlsOptions(tls: UpstreamTls | undefined): object {
  if (tls === undefined) return {};
  const files = new TlsFiles(tls);
  files.read();
  return {
    ...files.parts,
    rejectUnauthorized: tls.verify,
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
  };
}

/** The page, if it is short enough; otherwise its connection is closed, because the rest would delay the next check. */
async function readReport(reply: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      length += chunk.length;
      // Leaving the loop destroys the reply, and its connection.
      if (length > MAX_PAGE_BYTES) return undefined;
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

import { request } from 'undici';
import { codeOf } from '../core/errors.ts';

const TIMEOUT_MS = 1000;
/** Nobody listens: the process is gone, and two more checks would tell the same. */
const definite: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH']);

export interface ProbeResult {
  /** Undefined when the answer was 2xx. */
  readonly problem: string | undefined;
  /** Undefined when there was no answer. */
  readonly status: number | undefined;
  readonly definite: boolean;
  /** The body, where it is JSON. */
  readonly report: unknown;
}

/** Asks a backend once. */
export async function probe(url: string): Promise<ProbeResult> {
  try {
    const reply = await request(url, {
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await reply.body.text();
    const status = reply.statusCode;
    const ok = status >= 200 && status < 300;
    return { problem: ok ? undefined : `status ${status}`, status, definite: false, report: jsonOrUndefined(text) };
  } catch (error) {
    const code = codeOf(error) ?? (error instanceof Error ? error.name : 'unknown');
    return { problem: code, status: undefined, definite: definite.has(code), report: undefined };
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { valueAtPath } from '../../policy/slo/json-path.ts';
import type { ReplyCheck } from '../../policy/slo/slo.ts';
import { type OutcomeName, outcomeOfStatus } from './outcome.ts';

/** The parts of a reply that are checked. */
export interface CheckedReply {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Bytes of a body that are kept for the check. */
const MOST_BYTES = 1024 * 1024;

/** How a request ended by what its reply must be: a status that is expected is a success, whatever its class. */
export function outcomeOfReply(reply: CheckedReply, check: ReplyCheck | undefined): OutcomeName {
  const outcome = outcomeOfStatus(reply.status);
  if (check === undefined) return outcome;
  const isSuccess = outcome === '2xx' || outcome === '3xx';
  const isExpected = check.statuses === undefined ? isSuccess : check.statuses.includes(reply.status);
  if (!isExpected) return isSuccess ? 'wrong-reply' : outcome;
  if (!isAsExpected(reply, check)) return 'wrong-reply';
  return isSuccess ? outcome : 'as-expected';
}

function isAsExpected({ headers, body }: CheckedReply, { headers: wanted = {}, contains, json }: ReplyCheck): boolean {
  if (!Object.entries(wanted).every(([name, value]) => String(headers[name]) === value)) return false;
  if (contains !== undefined && !body.includes(contains)) return false;
  if (json === undefined) return true;
  const value = parsed(body);
  return Object.entries(json).every(([path, expected]) => valueAtPath(value, path) === expected);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The part of a body that is looked at, as far as a check needs one. */
export class CheckedBody {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  add(chunk: Buffer): void {
    if (this.#bytes >= MOST_BYTES) return;
    // A copy: connections use their buffers again.
    this.#chunks.push(Buffer.from(chunk.subarray(0, MOST_BYTES - this.#bytes)));
    this.#bytes += chunk.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

export const readsBody = ({ contains, json }: ReplyCheck): boolean => contains !== undefined || json !== undefined;

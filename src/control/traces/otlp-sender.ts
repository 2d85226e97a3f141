import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { boundedText } from '../../core/bounded-text.ts';
import { withoutCredentials } from '../../core/url-credentials.ts';
import { causeOf, retryAfterOf } from '../alerts/sink.ts';

/** The collector's answer to a request. */
export type ExportResult =
  /** `rejected`: spans that it did not take. */
  | { readonly outcome: 'taken'; readonly rejected: number; readonly why: string }
  /** The same request may be sent again, not before this many milliseconds. */
  | { readonly outcome: 'failed'; readonly why: string; readonly retryAfterMs: number | undefined }
  | { readonly outcome: 'refused'; readonly why: string };

/** Sends a request; `closing` ends it early. */
export type PostSpans = (body: string, closing: AbortSignal) => Promise<ExportResult>;

const LIMIT_MS = 10_000;
/** The most bytes of a reply that are read; a partial success is short. */
const MAX_REPLY_BYTES = 64 * 1024;
/** The statuses after which OTLP/HTTP lets a client try again. */
const retryable = new Set([429, 502, 503, 504]);
const compress = promisify(gzip);

export interface CollectorOptions {
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly compression: 'none' | 'gzip';
}

/** Posts spans to a collector by OTLP/HTTP with JSON, without following redirects; never rejects. */
export function otlpSender({ url, headers, compression }: CollectorOptions): PostSpans {
  const { url: address, authorization } = withoutCredentials(url);
  const fields = new Headers({ 'content-type': 'application/json', 'user-agent': 'rampart' });
  if (authorization !== undefined) fields.set('authorization', authorization);
  for (const [name, value] of headers) fields.set(name, value);
  if (compression === 'gzip') fields.set('content-encoding', 'gzip');
  return async (body, closing) => {
    try {
      const bytes = compression === 'gzip' ? await compress(body) : body;
      const signal = AbortSignal.any([AbortSignal.timeout(LIMIT_MS), closing]);
      const reply = await fetch(address, { method: 'POST', headers: fields, body: bytes, redirect: 'manual', signal });
      if (reply.ok) return partialSuccess(await boundedText(reply.body, MAX_REPLY_BYTES));
      await reply.body?.cancel();
      const why = `the collector answered ${reply.status}`;
      if (!retryable.has(reply.status)) return { outcome: 'refused', why };
      return { outcome: 'failed', why, retryAfterMs: retryAfterOf(reply.headers.get('retry-after')) };
    } catch (error) {
      return { outcome: 'failed', why: causeOf(error), retryAfterMs: undefined };
    }
  };
}

/** A reply that cannot be read says nothing about rejected spans. */
function partialSuccess(text: string | undefined): ExportResult {
  const { partialSuccess: said } = parsed(text);
  const rejected = Math.max(0, Math.floor(Number(said?.rejectedSpans ?? 0))) || 0;
  return { outcome: 'taken', rejected, why: typeof said?.errorMessage === 'string' ? said.errorMessage : '' };
}

interface TraceReply {
  readonly partialSuccess?: { readonly rejectedSpans?: unknown; readonly errorMessage?: unknown } | null;
}

function parsed(text: string | undefined): TraceReply {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { post } from '../post.ts';

/** The collector's answer to a request. */
export type ExportResult =
  /** `rejected`: spans that it did not take. */
  | { readonly outcome: 'taken'; readonly rejected: number; readonly why: string }
  /** The same request may be sent again, not before this many milliseconds. */
  | { readonly outcome: 'failed'; readonly why: string; readonly retryAfterMs: number | undefined }
  | { readonly outcome: 'refused'; readonly why: string };

/** Sends a request; `closing` ends it early. */
export type PostSpans = (body: string, closing: AbortSignal) => Promise<ExportResult>;

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

/** Posts spans to a collector by OTLP/HTTP with JSON; never rejects. */
export function otlpSender({ url, headers, compression }: CollectorOptions): PostSpans {
  const isCompressed = compression === 'gzip';
  const fields = isCompressed ? [...headers, ['content-encoding', 'gzip'] as const] : headers;
  return async (spans, closing) => {
    const body = isCompressed ? await compress(spans) : spans;
    const result = await post({ url, body, headers: fields, maxReplyBytes: MAX_REPLY_BYTES, closing });
    if (result.kind === 'failed') return { outcome: 'failed', why: result.why, retryAfterMs: undefined };
    const { status, isOk, retryAfterMs, text } = result;
    if (isOk) return partialSuccess(text);
    const why = `the collector answered ${status}`;
    return retryable.has(status) ? { outcome: 'failed', why, retryAfterMs } : { outcome: 'refused', why };
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

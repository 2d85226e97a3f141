import type { Encoding } from './accept-encoding.ts';

/** Which replies of a route are compressed. */
export interface CompressionRules {
  /** Media types; `text/*` and `application/*+json` stand for many. */
  readonly types: readonly string[];
  /** A reply that is known to be smaller is sent as it is. */
  readonly minBytes: number;
  /** The offered codings, the preferred one first. */
  readonly encodings: readonly Encoding[];
}

/** The fields of a reply that decide. */
export interface ReplyFacts {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly contentLength: string | undefined;
  readonly contentRange: string | undefined;
  /** Cache-Control of the reply. */
  readonly cacheControl: string | undefined;
}

const hasNoTransform = (cacheControl: string | undefined): boolean =>
  cacheControl !== undefined && /(?:^|,)\s*no-transform\s*(?:,|$)/i.test(cacheControl);

/** Tells by a media type, as the rules write them, whether a reply may be compressed. */
export function typeMatcher(types: readonly string[]): (contentType: string) => boolean {
  const exact = new Set(types.filter((type) => !type.includes('*')));
  const patterns = types
    .filter((type) => type.includes('*'))
    .map((type) => {
      const [before = '', after = ''] = type.split('*', 2);
      return { before, after };
    });
  return (contentType) => {
    const end = contentType.indexOf(';');
    const type = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
    if (exact.has(type)) return true;
    return patterns.some(
      ({ before, after }) =>
        type.length > before.length + after.length && type.startsWith(before) && type.endsWith(after),
    );
  };
}

/**
 * Whether a reply may be compressed for a client that accepts it: not if it has no body, is a part of one, is encoded
 * already, is small, or must not be transformed (RFC 9110 §7.7).
 */
export function isCompressible(
  { status, contentType, contentEncoding, contentLength, contentRange, cacheControl }: ReplyFacts,
  { minBytes }: Pick<CompressionRules, 'minBytes'>,
  isType: (contentType: string) => boolean,
): boolean {
  if (status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false;
  if (contentRange !== undefined || hasNoTransform(cacheControl)) return false;
  if (contentEncoding !== undefined && contentEncoding.trim().toLowerCase() !== 'identity') return false;
  if (contentLength !== undefined && Number(contentLength) < minBytes) return false;
  return contentType !== undefined && isType(contentType);
}

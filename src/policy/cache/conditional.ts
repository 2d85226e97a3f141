/** The validators of a reply. */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModifiedMs: number | undefined;
}

/** The validators of a client's stored reply. */
export interface Condition {
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSinceMs: number | undefined;
}

/**
 * Whether a client with a stored reply gets 304 in place of the reply (RFC 9110 §13.2.2): If-None-Match decides if it
 * is present, by weak comparison; otherwise If-Modified-Since decides.
 */
export function isNotModified({ etag, lastModifiedMs }: Validators, condition: Condition): boolean {
  const { ifNoneMatch, ifModifiedSinceMs } = condition;
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === '*') return true;
    return etag !== undefined && entityTags(ifNoneMatch).includes(opaque(etag));
  }
  return ifModifiedSinceMs !== undefined && lastModifiedMs !== undefined && lastModifiedMs <= ifModifiedSinceMs;
}

const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');

/** A tag is quoted and may contain commas. */
function entityTags(list: string): string[] {
  return [...list.matchAll(/(?:W\/)?("[^"]*")/g)].map(([, tag]) => tag as string);
}

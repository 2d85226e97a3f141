import { canonicalBody, fromQuery } from './request.ts';

/** The endpoint under which images lie in the cache: creating renders through the same entries. */
export const IMAGE_ENDPOINT = 'renderBarcode';

/**
 * The canonical request of a path of renderBarcode, under which its image is stored; undefined if the path is not a
 * valid request.
 */
export function imageTargetOf(path: string): string | undefined {
  const found = /^\/v1\/render\/([\w.-]+)\?(.*)$/.exec(path);
  if (found === null) return undefined;
  const parsed = fromQuery(found[1] as string, new URLSearchParams(found[2]));
  return parsed.ok ? canonicalBody(parsed.request) : undefined;
}

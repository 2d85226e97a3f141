/**
 * How different readers may interpret a path. `plain`: all in the same way. `ambiguous`: the path has empty segments,
 * segment parameters, needless encodings, or encoded slashes; it is valid by RFC 3986, but a second reader may take it
 * for another path, and so for another route. `refused`: it is not a path, or has dot segments, which readers remove.
 */
export type PathForm = 'plain' | 'ambiguous' | 'refused';

/** Characters after which a path needs a closer look. */
const suspicious = /[%\\#;]|\/[./]/;
const unreadable = /[\\#]|%(?![0-9A-Fa-f]{2})|%(?:00|5[cC])/;
/** Unreserved characters that are encoded all the same (RFC 3986 §6.2.2.2), and encoded slashes. */
const needless = /%(?:2[fFdDeE]|3[0-9]|4[1-9A-Fa-f]|5[0-9aAfF]|6[1-9A-Fa-f]|7[0-9aAeE])/;

export function pathForm(path: string): PathForm {
  if (!suspicious.test(path)) return 'plain';
  if (unreadable.test(path) || !isUtf8(path) || hasDotSegment(path)) return 'refused';
  return path.includes(';') || path.includes('//') || needless.test(path) ? 'ambiguous' : 'plain';
}

/** The path for a reader that decodes it, drops parameters and merges slashes. */
export function canonicalPath(path: string): string {
  const segments = decodeURIComponent(path)
    .split('/')
    .map((segment) => segment.split(';', 1)[0] as string)
    .filter((segment, index, all) => segment !== '' || index === 0 || index === all.length - 1);
  const joined = segments.join('/');
  return joined.startsWith('/') ? joined : `/${joined}`;
}

/** In any spelling: `..`, `%2e.`, `..;x`, or behind an encoded slash. */
function hasDotSegment(path: string): boolean {
  return decodeURIComponent(path)
    .split('/')
    .some((segment) => /^\.{1,2}(?:;|$)/.test(segment));
}

/** A segment without percent encoding. One whose encoding is not UTF-8 stays as it is; it matches no id. */
export function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Whether what is percent-encoded is UTF-8, without overlong forms. */
export function isUtf8(encoded: string): boolean {
  if (!encoded.includes('%')) return true;
  try {
    decodeURIComponent(encoded);
    return true;
  } catch {
    return false;
  }
}

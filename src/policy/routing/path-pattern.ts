/** One segment of a path pattern. */
export type PatternSegment = { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'parameter' };

/**
 * A path of a route: literal segments and `:name` parameters, each of one segment that is not empty, and at the end
 * perhaps `/*`, which takes any rest.
 */
export interface PathPattern {
  readonly text: string;
  readonly segments: readonly PatternSegment[];
  /** The names of the parameters, in order. */
  readonly names: readonly string[];
  /** Whether it ends in `/*`. */
  readonly isPrefix: boolean;
  /** The same for patterns that match the same paths: the pattern without the names of its parameters. */
  readonly shape: string;
}

const isParameter = (segment: string): boolean => segment.startsWith(':');

/** Parses a pattern that begins with `/`. */
export function pathPattern(text: string): PathPattern {
  const parts = text.slice(1).split('/');
  const isPrefix = parts.at(-1) === '*';
  const segments = isPrefix ? parts.slice(0, -1) : parts;
  return {
    text,
    segments: segments.map((part) => (isParameter(part) ? { kind: 'parameter' } : { kind: 'literal', text: part })),
    names: segments.filter(isParameter).map((part) => part.slice(1)),
    isPrefix,
    shape: parts.map((part) => (isParameter(part) ? ':' : part)).join('/'),
  };
}

/** The segments of a path without its first slash. */
export const pathSegments = (path: string): string[] => path.slice(1).split('/');

/**
 * Whether two patterns match a common path: that path, or undefined. A prefix takes at least an empty segment after its
 * own.
 */
export function commonPath(left: PathPattern, right: PathPattern): string | undefined {
  const common: string[] = [];
  const length = Math.max(left.segments.length + Number(left.isPrefix), right.segments.length + Number(right.isPrefix));
  for (let index = 0; index < length; index++) {
    const one = segmentAt(left, index);
    const other = segmentAt(right, index);
    if (one === undefined || other === undefined) return undefined;
    if (one.kind === 'literal' && other.kind === 'literal' && one.text !== other.text) return undefined;
    const text = one.kind === 'literal' ? one.text : other.kind === 'literal' ? other.text : 'x';
    if (text === '' && (one.kind === 'parameter' || other.kind === 'parameter')) return undefined;
    common.push(text);
  }
  return `/${common.join('/')}`;
}

type AnySegment = PatternSegment | { readonly kind: 'rest' };

function segmentAt({ segments, isPrefix }: PathPattern, index: number): AnySegment | undefined {
  return segments[index] ?? (isPrefix ? { kind: 'rest' } : undefined);
}

/** Whether the first pattern matches every path that the second one matches. */
export function coversPath(wide: PathPattern, narrow: PathPattern): boolean {
  for (const [index, segment] of wide.segments.entries()) {
    const other = narrow.segments[index];
    if (other === undefined) return false;
    if (segment.kind === 'parameter') {
      if (other.kind === 'literal' && other.text === '') return false;
    } else if (other.kind === 'parameter' || other.text !== segment.text) return false;
  }
  if (wide.isPrefix) return narrow.isPrefix || narrow.segments.length > wide.segments.length;
  return !narrow.isPrefix && narrow.segments.length === wide.segments.length;
}

const ranks = { literal: 0, parameter: 1, rest: 2 } as const;

/**
 * Which of two patterns is asked first: segment by segment from the left, a literal one before a parameter, and a
 * parameter before `*`. Negative if it is the left one.
 */
export function compareSpecificity(left: PathPattern, right: PathPattern): number {
  const length = Math.max(left.segments.length, right.segments.length);
  for (let index = 0; index < length; index++) {
    const difference =
      ranks[segmentAt(left, index)?.kind ?? 'literal'] - ranks[segmentAt(right, index)?.kind ?? 'literal'];
    if (difference !== 0) return difference;
  }
  return Number(left.isPrefix) - Number(right.isPrefix);
}

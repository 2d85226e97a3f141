/** Content codings that the gateway can apply. */
export const encodings = ['br', 'zstd', 'gzip'] as const;
export type Encoding = (typeof encodings)[number];

/** `coding;q=0.5` (RFC 9110 §12.5.3); a weight has at most three decimals. */
const member = /^([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/;

/**
 * The coding that a client prefers among those that are offered, by its Accept-Encoding; at equal weights the first of
 * them. Undefined: the reply is sent as it is, which every client takes, and which a client prefers that says nothing.
 */
export function chooseEncoding(accept: string | undefined, offered: readonly Encoding[]): Encoding | undefined {
  if (accept === undefined) return undefined;
  const weights = weightsOf(accept);
  const weightOf = (coding: string): number | undefined => weights.get(coding) ?? weights.get('*');
  // `x-gzip` is another name of gzip (§8.4.1.3).
  const of = (coding: Encoding): number => weightOf(coding) ?? (coding === 'gzip' ? (weights.get('x-gzip') ?? 0) : 0);
  let best: Encoding | undefined;
  for (const coding of offered) if (of(coding) > (best === undefined ? 0 : of(best))) best = coding;
  if (best === undefined) return undefined;
  // Only where a client names it does identity have a weight above that of a coding.
  return (weights.get('identity') ?? 0) > of(best) ? undefined : best;
}

/** The weight of each coding that is named; what is no member of the list is left out. */
function weightsOf(accept: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const text of accept.toLowerCase().split(',', 50)) {
    const found = member.exec(text.trim());
    if (found !== null) weights.set(found[1] as string, found[2] === undefined ? 1 : Number(found[2]));
  }
  return weights;
}

/** `image/*;q=0.5` (RFC 9110 §12.5.1); parameters of the media type are left aside. */
const member = /^([!#$%&'*+.^_`|~0-9a-z-]+)\/([!#$%&'*+.^_`|~0-9a-z-]+)((?:[ \t]*;[^;]*)*)$/;
const weight = /;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*$/;
const MAX_MEMBERS = 50;

interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly weight: number;
}

/**
 * The media type that a client prefers among those that are offered, by its Accept; at equal weights the first of them.
 * Undefined: it accepts none of them. A client that says nothing accepts all.
 */
export function chooseType(accept: string | undefined, offered: readonly string[]): string | undefined {
  const ranges = rangesOf(accept ?? '*/*');
  let best: string | undefined;
  let most = 0;
  for (const type of offered) {
    const found = weightOf(type, ranges);
    if (found > most) [best, most] = [type, found];
  }
  return best;
}

/** The most specific range decides (RFC 9110 §12.5.1). */
function weightOf(mediaType: string, ranges: readonly Range[]): number {
  const [type = '', subtype = ''] = mediaType.split('/');
  const ranked = [
    (range: Range) => range.type === type && range.subtype === subtype,
    (range: Range) => range.type === type && range.subtype === '*',
    (range: Range) => range.type === '*' && range.subtype === '*',
  ];
  for (const fits of ranked) {
    const range = ranges.find(fits);
    if (range !== undefined) return range.weight;
  }
  return 0;
}

/** What is no member of the list is left out. */
function rangesOf(accept: string): Range[] {
  return accept
    .toLowerCase()
    .split(',', MAX_MEMBERS)
    .flatMap((text) => {
      const [, type, subtype, rest = ''] = member.exec(text.trim()) ?? [];
      if (type === undefined || subtype === undefined) return [];
      return [{ type, subtype, weight: Number(weight.exec(rest)?.[1] ?? 1) }];
    });
}

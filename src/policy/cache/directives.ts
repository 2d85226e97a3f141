/** The directives of a Cache-Control field by lower-case name; true where one has no value. */
export type Directives = ReadonlyMap<string, string | true>;

const none: Directives = new Map();
/** One directive: a token, and perhaps a value, which may be quoted and hold commas (RFC 9111 §5.2). */
const directive = /\s*([^\s,=;"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*)))?[^,]*(?:,|$)/y;

/**
 * Reads a Cache-Control field, all of its lines joined by commas. What cannot be read is skipped, yet what forbids is
 * never lost: names are compared in lower case, and of a number that is given twice the smaller one counts.
 */
export function parseDirectives(field: string | undefined): Directives {
  if (field === undefined || field === '') return none;
  const found = new Map<string, string | true>();
  let at = 0;
  while (at < field.length) {
    directive.lastIndex = at;
    const match = directive.exec(field);
    if (match === null) {
      const comma = field.indexOf(',', at);
      at = comma === -1 ? field.length : comma + 1;
      continue;
    }
    at = Math.max(directive.lastIndex, at + 1);
    add(found, (match[1] as string).toLowerCase(), match[2] ?? match[3]?.trim() ?? true);
  }
  return found;
}

function add(into: Map<string, string | true>, name: string, value: string | true): void {
  const before = into.get(name);
  if (before === undefined) into.set(name, value);
  else if (seconds(value) < seconds(before)) into.set(name, value);
}

/** The largest time that RFC 9111 §1.2.2 asks for. */
const MAX_SECONDS = 2_147_483_648;

function seconds(value: string | true): number {
  return value !== true && /^\d+$/.test(value) ? Math.min(Number(value), MAX_SECONDS) : 0;
}

/** The seconds of a directive; undefined where it is not there, 0 where its value is no number: that is the safe side. */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  return value === undefined ? undefined : seconds(value);
}

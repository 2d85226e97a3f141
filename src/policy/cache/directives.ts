/** The directives of a Cache-Control field by lower-case name; true for a directive without a value. */
export type Directives = ReadonlyMap<string, string | true>;

const none: Directives = new Map();
/** One directive: a token with an optional value, which may be quoted and contain commas (RFC 9111 §5.2). */
const directive = /\s*([^\s,=;"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*)))?[^,]*(?:,|$)/y;

/**
 * Parses a Cache-Control field, whose lines are joined by commas. Invalid parts are skipped, but a directive that
 * forbids caching is never lost: names are compared in lower case, and if a number is given twice, the smaller one
 * counts.
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

/** The largest time that RFC 9111 §1.2.2 requires. */
const MAX_SECONDS = 2_147_483_648;

function seconds(value: string | true): number {
  return value !== true && /^\d+$/.test(value) ? Math.min(Number(value), MAX_SECONDS) : 0;
}

/**
 * The seconds of a directive; undefined if it is missing, and 0 if its value is not a number, because 0 is the safe
 * choice.
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  return value === undefined ? undefined : seconds(value);
}

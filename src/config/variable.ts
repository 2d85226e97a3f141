import { addressProblem } from '../core/addresses.ts';
import { valkeyAddress } from '../core/valkey-url.ts';

/** A value that the environment gave, or why it cannot be used. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; expected: string };

/** One environment variable: how its text becomes a value, and its default. */
export interface Variable<T> {
  readonly parse: (text: string) => Parsed<T>;
  readonly fallback: () => T;
  readonly meaning: string;
}

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = <T>(expected: string): Parsed<T> => ({ ok: false, expected });

export function wholeNumber(min: number, max: number) {
  return (text: string): Parsed<number> => {
    const value = Number(text);
    return /^\d+$/.test(text) && value >= min && value <= max
      ? good(value)
      : bad(`must be a whole number from ${min} to ${max}`);
  };
}

export function positiveNumber(max: number) {
  return (text: string): Parsed<number> => {
    const value = Number(text);
    return /^\d+(\.\d+)?$/.test(text) && value > 0 && value <= max
      ? good(value)
      : bad(`must be a number above 0 and up to ${max}`);
  };
}

export function oneOf<const T extends string>(...choices: T[]) {
  return (text: string): Parsed<T> => {
    const found = choices.find((choice) => choice === text);
    return found === undefined ? bad(`must be one of ${choices.join(', ')}`) : good(found);
  };
}

const byteUnits: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

export function byteSize(text: string): Parsed<number> {
  const match = /^(\d{1,12})\s*(|KiB|MiB|GiB)$/.exec(text);
  const unit = match === null ? undefined : byteUnits[match[2] as string];
  return match === null || unit === undefined
    ? bad('must be a size in bytes, such as 67108864 or 64MiB')
    : good(Number(match[1]) * unit);
}

export function urlOf(...protocols: string[]) {
  return (text: string): Parsed<string | undefined> => {
    const protocol = URL.canParse(text) ? new URL(text).protocol : '';
    return protocols.includes(protocol)
      ? good(text)
      : bad(`must be a URL that starts with ${protocols.map((name) => `${name}//`).join(' or ')}`);
  };
}

export function valkeyUrl(text: string): Parsed<string | undefined> {
  const address = valkeyAddress(text);
  return typeof address === 'string' ? bad(address) : good(text);
}

export function anyText(what: string) {
  return (text: string): Parsed<string> =>
    text.trim() === '' || text.includes('\0') ? bad(`must be ${what}`) : good(text);
}

export function addressList(text: string): Parsed<readonly string[]> {
  const addresses = text.split(',').map((each) => each.trim());
  return addresses.every((each) => addressProblem(each) === undefined)
    ? good(addresses)
    : bad('must be addresses or ranges with commas between them, such as 10.1.0.0/16,127.0.0.1');
}

/** Pairs as OpenTelemetry writes them: `name=value,name=value`, with values in percent-encoding. */
export function pairList(text: string): Parsed<readonly (readonly [string, string])[]> {
  const pairs = text
    .split(',')
    .filter((each) => each.trim() !== '')
    .map(pairOf);
  return pairs.every((each) => each !== undefined)
    ? good(pairs)
    : bad('must be pairs such as name=value,other=value, with %2C for a comma in a value');
}

/** Fields that belong to the connection, or that the sender writes itself. */
const ownFields = /^(?:connection|content-(?:length|type|encoding)|host|keep-alive|te|transfer-encoding|upgrade)$/i;

/** Header fields, as `pairList`. */
export function fieldList(text: string): Parsed<readonly (readonly [string, string])[]> {
  const parsed = pairList(text);
  if (!parsed.ok) return parsed;
  const isField = ([name, value]: readonly [string, string]): boolean =>
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !ownFields.test(name) && /^[ -~\u0080-\u00ff]*$/.test(value);
  return parsed.value.every(isField)
    ? parsed
    : bad('must have names and values that header fields can have, and none that belongs to the connection');
}

function pairOf(text: string): readonly [string, string] | undefined {
  const at = text.indexOf('=');
  const name = text.slice(0, Math.max(at, 0)).trim();
  try {
    const value = decodeURIComponent(text.slice(at + 1).trim());
    // oxlint-disable-next-line no-control-regex -- no control character may reach a header line
    return name === '' || /[\u0000-\u001f\u007f]/.test(value) ? undefined : [name, value];
  } catch {
    return undefined;
  }
}

/** A share from 0 to 1. */
export function share(text: string): Parsed<number> {
  const value = Number(text);
  return /^\d*\.?\d+$/.test(text) && value <= 1 ? good(value) : bad('must be a number from 0 to 1');
}

export function pathOrOff(text: string): Parsed<string | undefined> {
  return text === 'off' ? good(undefined) : anyText('a path, - for standard output, or off')(text);
}

export const none = (): undefined => undefined;
export const optional =
  <T>(parse: (text: string) => Parsed<T>) =>
  (text: string): Parsed<T | undefined> =>
    parse(text);

export function variable<T>(fallback: (() => T) | T, parse: (text: string) => Parsed<T>, meaning: string): Variable<T> {
  return { parse, fallback: typeof fallback === 'function' ? (fallback as () => T) : () => fallback, meaning };
}

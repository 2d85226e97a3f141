import { type HeadLines, valueAt } from './request-head.ts';

/** The first line of a header field; undefined if there is none. `name`: in lower case. */
export function fieldValue(head: HeadLines, name: string): string | undefined {
  const index = head.names.indexOf(name);
  return index === -1 ? undefined : valueAt(head, index);
}

/** A list that may be spread over several lines, as one (RFC 9110 §5.3); undefined if there is none. `name`: in lower case. */
export function listValue(head: HeadLines, name: string): string | undefined {
  const { names } = head;
  let list: string | undefined;
  for (let index = names.indexOf(name); index !== -1; index = names.indexOf(name, index + 1)) {
    const value = valueAt(head, index);
    if (list === undefined || list === '') list = value;
    else if (value !== '') list = `${list},${value}`;
  }
  return list;
}

/** The value of a cookie as the client sent it (RFC 6265 §5.4); undefined if there is none. */
export function cookieValue(head: HeadLines, name: string): string | undefined {
  const { names } = head;
  for (let index = names.indexOf('cookie'); index !== -1; index = names.indexOf('cookie', index + 1)) {
    for (const pair of valueAt(head, index).split(';')) {
      const equals = pair.indexOf('=');
      if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
    }
  }
  return undefined;
}

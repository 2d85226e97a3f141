import type { OutgoingHttpHeaders } from 'node:http2';

/** Fields of an HTTP/1.1 connection, which a reply of HTTP/2 must not have (RFC 9113 §8.2.2). */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Fields of which a reply may have several lines; of any other, Node's encoder may throw, so their first line counts. */
const listed: ReadonlySet<string> = new Set([
  'set-cookie',
  'link',
  'vary',
  'cache-control',
  'via',
  'warning',
  'www-authenticate',
  'proxy-authenticate',
  'server-timing',
  'cache-status',
  'proxy-status',
  'content-security-policy',
  'content-security-policy-report-only',
  'allow',
  'alt-svc',
  'accept-ranges',
]);

/** A backend may send what HTTP/2 cannot carry; such fields are left out. */
const namePattern = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const valueBreaks = /[\r\n]|\0/;

/** The fields of a reply as Node's HTTP/2 takes them. `headers`: name, value, name, value. */
export function replyFields(status: number, headers: readonly string[]): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = Object.create(null) as OutgoingHttpHeaders;
  fields[':status'] = status;
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] as string).toLowerCase();
    const value = headers[index + 1] as string;
    if (ofConnection.has(name) || !namePattern.test(name) || valueBreaks.test(value)) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (name.startsWith('x-') || listed.has(name)) fields[name] = [...[before].flat().map(String), value];
  }
  return fields;
}

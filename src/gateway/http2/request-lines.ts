import { isHost, malformed } from '../http/request-head.ts';
import { Refusal } from '../refusal.ts';

/** A request of HTTP/2 in the terms of HTTP/1.1, in which it may be forwarded. */
export interface TranslatedRequest {
  readonly method: string;
  readonly target: string;
  /** Name, value, name, value. */
  readonly headerLines: readonly string[];
  readonly expectsContinue: boolean;
}

const methodPattern = /^[A-Z][A-Z-]{0,31}$/;
const targetPattern = /^(?:\/[!-~]*|\*)$/;
/** RFC 9110 §5.1, in lower case (RFC 9113 §8.2.1). */
const namePattern = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** Visible characters, and spaces and tabs between them (RFC 9110 §5.5). */
const valuePattern = /^(?:[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?)?$/;
/** Fields of an HTTP/1.1 connection, which make a request malformed (RFC 9113 §8.2.2). */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

interface Pseudo {
  method: string | undefined;
  path: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
}

const pseudoNames: Readonly<Record<string, keyof Pseudo>> = Object.assign(Object.create(null), {
  ':method': 'method',
  ':path': 'path',
  ':scheme': 'scheme',
  ':authority': 'authority',
});

/**
 * Translates a request by RFC 9113 §8.3 and §8.2, and refuses whatever could be read as something else in HTTP/1.1: bytes
 * that end a line or a name, fields that frame a message, two hosts. nghttp2 refuses most of them itself; these rules
 * hold for what reaches a backend, whatever the library does. `raw`: name, value, name, value, as received.
 */
export function translate(raw: readonly string[]): TranslatedRequest | Refusal {
  const pseudo: Pseudo = { method: undefined, path: undefined, scheme: undefined, authority: undefined };
  const lines: string[] = [];
  let hosts: string | undefined;
  let cookieAt = -1;
  let expectation: string | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string;
    const value = raw[index + 1] as string;
    if (!valuePattern.test(value)) return malformed('a field has a value that HTTP/1.1 cannot carry');
    if (name.startsWith(':')) {
      const problem = takePseudo(pseudo, name, value, lines.length > 0);
      if (problem !== undefined) return problem;
      continue;
    }
    if (!namePattern.test(name)) return malformed('a field has a name that HTTP/1.1 cannot carry');
    if (ofConnection.has(name) || (name === 'te' && value !== 'trailers'))
      return malformed(`HTTP/2 has no field ${name === 'te' ? 'te other than trailers' : name}`);
    if (name === 'content-length' && !/^\d{1,15}$/.test(value)) return malformed('Content-Length is not a number');
    if (name === 'host') {
      if (hosts !== undefined) return malformed('there are two host headers');
      hosts = value;
    } else if (name === 'cookie' && cookieAt !== -1) lines[cookieAt] += `; ${value}`;
    else {
      if (name === 'cookie') cookieAt = lines.length + 1;
      if (name === 'expect') expectation = value.toLowerCase();
      else if (name !== 'te') lines.push(name, value);
    }
  }
  return requestOf(pseudo, { lines, hosts, expectation });
}

function takePseudo(pseudo: Pseudo, name: string, value: string, isLate: boolean): Refusal | undefined {
  const field = pseudoNames[name];
  if (field === undefined) return malformed('there is an unknown pseudo-header field');
  if (isLate || pseudo[field] !== undefined) return malformed('a pseudo-header field is there twice, or too late');
  pseudo[field] = value;
  return undefined;
}

interface Fields {
  readonly lines: string[];
  readonly hosts: string | undefined;
  readonly expectation: string | undefined;
}

function requestOf(
  { method, path, scheme, authority }: Pseudo,
  { lines, hosts, expectation }: Fields,
): TranslatedRequest | Refusal {
  if (method === 'CONNECT') return new Refusal('method-not-allowed', 'CONNECT is not served here');
  if (method === undefined || !methodPattern.test(method)) return malformed('the method is not one of HTTP');
  if (scheme !== 'https') return malformed('the scheme must be https');
  if (path === undefined || !targetPattern.test(path))
    return malformed('the path must begin with /, and be visible ASCII');
  if (expectation !== undefined && expectation !== '100-continue')
    return new Refusal('expectation-failed', 'Expect may only be 100-continue');
  const host = authority ?? hosts;
  if (host === undefined || !isHost(host))
    return malformed('the authority must be one host name or address, with a port at most');
  // Of two, a backend would see one and a rule of the gateway the other (RFC 9113 §8.3.1).
  if (authority !== undefined && hosts !== undefined && hosts.toLowerCase() !== authority.toLowerCase())
    return malformed('Host and :authority differ');
  return {
    method,
    target: path,
    headerLines: ['host', host, ...lines],
    expectsContinue: expectation !== undefined,
  };
}

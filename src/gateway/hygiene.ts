import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/** More header lines than any honest client sends; the parser bounds their bytes. */
const MAX_HEADER_LINES = 200;
const MAX_TARGET_LENGTH = 8192;

/** What the path needs of the header lines, read in one pass: building the parsed header object costs more. */
export interface RequestHead {
  /** Path without query, as it came: every other spelling of it has been refused. */
  readonly path: string;
  /** With its question mark, or empty. */
  readonly query: string;
  readonly host: string;
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  readonly requestId: string | undefined;
  readonly traceparent: string | undefined;
  readonly contentType: string | undefined;
  /** RFC 9218. */
  readonly priority: string | undefined;
  /** Milliseconds for which the client will wait, as it said. */
  readonly deadlineMs: number | undefined;
  /** Bytes that the body was announced to have; undefined for a chunked body. */
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  /** The names of the header lines in lower case, in the order of `rawHeaders`. */
  readonly names: readonly string[];
  /** Every Connection header, joined. */
  readonly connection: string | undefined;
}

/** What stands in the place of a head that has not been read, or could not be. */
export const unreadHead: RequestHead = {
  path: '',
  query: '',
  host: '',
  authorization: undefined,
  apiKey: undefined,
  requestId: undefined,
  traceparent: undefined,
  contentType: undefined,
  priority: undefined,
  deadlineMs: undefined,
  contentLength: 0,
  chunked: false,
  names: [],
  connection: undefined,
};

const malformed = (detail: string): Refusal => new Refusal('malformed-request', detail, { close: true });

/**
 * Checks what Node's parser lets through although intermediaries could read it in two ways (RFC 9112 §11.2), and
 * collects the header fields that the path needs. A refusal here closes the connection: its framing is in doubt.
 */
export function readHead(req: IncomingMessage): RequestHead | Refusal {
  if (req.httpVersionMajor !== 1 || req.httpVersionMinor > 1) {
    return new Refusal('version-not-supported', 'Rampart speaks HTTP/1.1 and HTTP/1.0', { close: true });
  }
  const fields = collectFields(req.rawHeaders);
  if (fields instanceof Refusal) return fields;
  const framing = checkFraming(req, fields);
  if (framing instanceof Refusal) return framing;
  const target = splitTarget(req.url ?? '');
  if (target instanceof Refusal) return target;
  const host = target.host ?? fields.host ?? '';
  if (fields.host === undefined ? req.httpVersionMinor === 1 : !isHost(fields.host)) {
    return malformed('the Host header must be one host name or address, with a port at most');
  }
  return {
    path: target.path,
    query: target.query,
    host,
    authorization: fields.authorization,
    apiKey: fields.apiKey,
    requestId: fields.requestId,
    traceparent: fields.traceparent,
    contentType: fields.contentType,
    priority: fields.priority,
    deadlineMs: deadlineOf(fields.deadline),
    contentLength: framing.contentLength,
    chunked: framing.chunked,
    names: fields.names,
    connection: fields.connection,
  };
}

interface Fields {
  readonly names: string[];
  connection?: string;
  host?: string;
  authorization?: string;
  apiKey?: string;
  requestId?: string;
  traceparent?: string;
  contentType?: string;
  priority?: string;
  deadline?: string;
  contentLength?: string;
  transferEncoding?: string;
}

const wanted: Readonly<Record<string, Exclude<keyof Fields, 'names'>>> = Object.assign(Object.create(null), {
  connection: 'connection',
  host: 'host',
  authorization: 'authorization',
  'x-api-key': 'apiKey',
  'x-request-id': 'requestId',
  traceparent: 'traceparent',
  'content-type': 'contentType',
  priority: 'priority',
  'x-deadline-ms': 'deadline',
  'content-length': 'contentLength',
  'transfer-encoding': 'transferEncoding',
});

/** Two lines of any of these would let two readers choose differently. */
const single = new Set<keyof Fields>([
  'host',
  'contentLength',
  'transferEncoding',
  'authorization',
  'apiKey',
  'contentType',
]);

function collectFields(rawHeaders: readonly string[]): Fields | Refusal {
  if (rawHeaders.length > MAX_HEADER_LINES * 2) {
    return new Refusal('headers-too-large', `there are more than ${MAX_HEADER_LINES} header lines`, { close: true });
  }
  const fields: Fields = { names: [] };
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    fields.names.push(name);
    const field = wanted[name];
    if (field === undefined) continue;
    const value = rawHeaders[index + 1] as string;
    const before = fields[field];
    if (before === undefined) fields[field] = value;
    else if (field === 'connection') fields.connection = `${before},${value}`;
    else if (single.has(field)) return malformed(`there are two ${name} headers`);
  }
  return fields;
}

/** What is no number of milliseconds is no deadline. */
function deadlineOf(field: string | undefined): number | undefined {
  return field !== undefined && /^[1-9]\d{0,8}$/.test(field) ? Number(field) : undefined;
}

function checkFraming(
  req: IncomingMessage,
  { transferEncoding, contentLength }: Fields,
): { chunked: boolean; contentLength: number | undefined } | Refusal {
  if (transferEncoding === undefined) {
    return { chunked: false, contentLength: contentLength === undefined ? 0 : Number(contentLength) };
  }
  if (contentLength !== undefined) return malformed('Content-Length and Transfer-Encoding are both there');
  if (req.httpVersionMinor === 0) return malformed('HTTP/1.0 has no Transfer-Encoding');
  if (transferEncoding.toLowerCase() !== 'chunked')
    return malformed('Transfer-Encoding must be chunked, and nothing else');
  return { chunked: true, contentLength: undefined };
}

const hostPattern = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
const isHost = (text: string): boolean => hostPattern.test(text);

/** Characters after which a path needs a closer look. */
const suspicious = /[%\\#;]|\/[./]/;
/**
 * Dot segments; empty segments; parameters of a segment; encoded slashes, backslashes and NUL; and characters that need
 * no encoding yet have one (RFC 3986 §6.2.2.2): a second reader would take each of them for another path, and so for
 * another route. What passes has one spelling only.
 */
const ambiguous =
  /[\\#;]|\/\/|\/\.{1,2}(?:\/|$)|%(?![0-9A-Fa-f]{2})|%(?:00|2[fF]|5[cC]|2[dDeE]|3[0-9]|4[1-9A-Fa-f]|5[0-9aAfF]|6[1-9A-Fa-f]|7[0-9aAeE])/;

function splitTarget(target: string): { path: string; query: string; host?: string } | Refusal {
  if (target.length > MAX_TARGET_LENGTH) {
    return new Refusal('target-too-long', `the target is longer than ${MAX_TARGET_LENGTH} characters`, { close: true });
  }
  let rest = target;
  let host: string | undefined;
  if (target.charCodeAt(0) !== 0x2f) {
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
    if (absolute === null || !isHost(absolute[1] as string)) return malformed('the target must be a path');
    host = absolute[1] as string;
    rest = (absolute[2] as string).startsWith('/') ? (absolute[2] as string) : `/${absolute[2]}`;
  }
  const mark = rest.indexOf('?');
  const path = mark === -1 ? rest : rest.slice(0, mark);
  const query = mark === -1 ? '' : rest.slice(mark);
  if (suspicious.test(path) && (ambiguous.test(path) || !isUtf8(path))) {
    return malformed('the path has a form that can be read in two ways');
  }
  if (query !== '' && (query.includes('%00') || query.includes('#'))) return malformed('the query holds %00 or #');
  return host === undefined ? { path, query } : { path, query, host };
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

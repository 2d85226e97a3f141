import { canonicalHost } from '../../core/host.ts';
import { type PathForm, pathForm } from './path-form.ts';
import { Refusal } from '../refusal.ts';
import type { ClientRequest, FramingFields } from './client-request.ts';

/** More header lines than any honest client sends; the parser bounds their bytes. */
const MAX_HEADER_LINES = 200;
const MAX_TARGET_LENGTH = 8192;

/** The header fields that the path needs, read in one pass: building the parsed header object costs more. */
export interface RequestHead {
  /** Path without query, as received. */
  readonly path: string;
  /** Whether another reader could interpret it as another path. */
  readonly pathForm: PathForm;
  /** The query with its question mark, or empty. */
  readonly query: string;
  readonly host: string;
  /** The host in its canonical form, by which spellings are compared. */
  readonly origin: string;
  readonly authorization: string | undefined;
  readonly apiKey: string | undefined;
  readonly requestId: string | undefined;
  readonly traceparent: string | undefined;
  readonly via: string | undefined;
  readonly maxForwards: number | undefined;
  readonly contentType: string | undefined;
  /** RFC 9218. */
  readonly priority: string | undefined;
  /** Milliseconds for which the client will wait, by `x-deadline-ms`. */
  readonly deadlineMs: number | undefined;
  /** The announced length of the body in bytes; undefined if it is not announced. */
  readonly contentLength: number | undefined;
  /** The names of the header lines in lower case, in the order of `lines`. */
  readonly names: readonly string[];
  /** The header lines as they came: name, value, name, value. `valueAt` reads them. */
  readonly lines: readonly string[];
  /** Every Connection header, joined. */
  readonly connection: string | undefined;
}

/** A request before its head is read. */
export type RequestLines = Pick<
  ClientRequest,
  'method' | 'target' | 'headerLines' | 'framing' | 'scheme' | 'serverName'
>;

/** Replaces a head that has not been read, or that could not be parsed. */
export const unreadHead: RequestHead = {
  path: '',
  pathForm: 'plain',
  query: '',
  host: '',
  origin: '',
  authorization: undefined,
  apiKey: undefined,
  requestId: undefined,
  traceparent: undefined,
  via: undefined,
  maxForwards: undefined,
  contentType: undefined,
  priority: undefined,
  deadlineMs: undefined,
  contentLength: 0,
  names: [],
  lines: [],
  connection: undefined,
};

/** The header lines of a head. */
export type HeadLines = Pick<RequestHead, 'names' | 'lines'>;

/** The value of the header line whose name is `names[index]`. */
export const valueAt = ({ lines }: HeadLines, index: number): string => lines[index * 2 + 1] as string;

export const malformed = (detail: string): Refusal => new Refusal('malformed-request', detail, { close: true });

/**
 * Refuses requests that intermediaries could read in two ways, and collects the header fields that the path needs. A
 * refusal here closes the connection, because its framing is in doubt.
 */
export function readHead(request: RequestLines): RequestHead | Refusal {
  const fields = collectFields(request.headerLines);
  if (fields instanceof Refusal) return fields;
  const framing = request.framing(fields);
  if (framing instanceof Refusal) return framing;
  if (request.target === '*' && request.method !== 'OPTIONS') return malformed('only OPTIONS may have the target *');
  const target = splitTarget(request.target);
  if (target instanceof Refusal) return target;
  const host = target.host ?? framing.host;
  if (request.serverName !== undefined && nameOf(host) !== request.serverName.toLowerCase()) return misdirected;
  return {
    path: target.path,
    pathForm: target.form,
    query: target.query,
    host,
    origin: canonicalHost(host, request.scheme),
    authorization: fields.authorization,
    apiKey: fields.apiKey,
    requestId: fields.requestId,
    traceparent: fields.traceparent,
    via: fields.via,
    maxForwards: maxForwardsOf(fields.maxForwards),
    contentType: fields.contentType,
    priority: fields.priority,
    deadlineMs: deadlineOf(fields.deadline),
    contentLength: framing.contentLength,
    names: fields.names,
    lines: request.headerLines,
    connection: fields.connection,
  };
}

/** A client that has shown its certificate to one host must not speak to another one on that connection (RFC 9110 §15.5.20). */
const misdirected = new Refusal('misdirected', 'the host is not the one that the TLS handshake asked for');

/** The name of a host without its port. */
const nameOf = (host: string): string => host.toLowerCase().replace(/:\d*$/, '');

interface Fields extends Mutable<FramingFields> {
  readonly names: string[];
  connection?: string;
  authorization?: string;
  apiKey?: string;
  requestId?: string;
  traceparent?: string;
  via?: string;
  maxForwards?: string;
  contentType?: string;
  priority?: string;
  deadline?: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const wanted: Readonly<Record<string, Exclude<keyof Fields, 'names'>>> = Object.assign(Object.create(null), {
  connection: 'connection',
  host: 'host',
  authorization: 'authorization',
  'x-api-key': 'apiKey',
  'x-request-id': 'requestId',
  traceparent: 'traceparent',
  via: 'via',
  'max-forwards': 'maxForwards',
  'content-type': 'contentType',
  priority: 'priority',
  'x-deadline-ms': 'deadline',
  'content-length': 'contentLength',
  'transfer-encoding': 'transferEncoding',
});

/** If one of these fields has two lines, two readers could choose different ones. */
const single = new Set<keyof Fields>([
  'host',
  'contentLength',
  'transferEncoding',
  'authorization',
  'apiKey',
  'contentType',
]);

function collectFields(lines: readonly string[]): Fields | Refusal {
  if (lines.length > MAX_HEADER_LINES * 2) {
    return new Refusal('headers-too-large', `there are more than ${MAX_HEADER_LINES} header lines`, { close: true });
  }
  const fields: Fields = { names: [] };
  for (let index = 0; index < lines.length; index += 2) {
    const name = (lines[index] as string).toLowerCase();
    fields.names.push(name);
    const field = wanted[name];
    if (field === undefined) continue;
    const value = lines[index + 1] as string;
    const before = fields[field];
    if (before === undefined) fields[field] = value;
    else if (field === 'connection' || field === 'via') fields[field] = `${before}, ${value}`;
    // Two `traceparent` fields are not a valid context (W3C Trace Context §3.2).
    else if (field === 'traceparent') fields.traceparent = '';
    else if (single.has(field)) return malformed(`there are two ${name} headers`);
  }
  return fields;
}

/** RFC 9110 §7.6.2; a value that is not a number is ignored. */
function maxForwardsOf(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,9}$/.test(field) ? Number(field) : undefined;
}

/** Undefined for a value that is not a number of milliseconds. */
function deadlineOf(field: string | undefined): number | undefined {
  return field !== undefined && /^[1-9]\d{0,8}$/.test(field) ? Number(field) : undefined;
}

const hostPattern = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{0,5})?$/;
export const isHost = (text: string): boolean => hostPattern.test(text);

function splitTarget(target: string): { path: string; query: string; form: PathForm; host?: string } | Refusal {
  if (target.length > MAX_TARGET_LENGTH) {
    return new Refusal('target-too-long', `the target is longer than ${MAX_TARGET_LENGTH} characters`, { close: true });
  }
  if (target === '*') return { path: '*', query: '', form: 'plain' };
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
  const form = pathForm(path);
  if (form === 'refused') return malformed('the path has dot segments, or an invalid encoding');
  if (query !== '' && (query.includes('%00') || query.includes('#'))) return malformed('the query holds %00 or #');
  return host === undefined ? { path, query, form } : { path, query, form, host };
}

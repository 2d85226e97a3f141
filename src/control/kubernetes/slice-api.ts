import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { boundedText } from '../../core/bounded-text.ts';
import type { ClusterPlace } from './cluster-place.ts';
import { eventLines } from './event-lines.ts';
import { type SliceObject, sliceObject } from './slice-objects.ts';

/** One Service's slices, and the version of the list, with which a watch goes on. */
export interface SliceList {
  readonly slices: readonly SliceObject[];
  readonly version: string;
}

/** A change of a slice that the API server reports. */
export type SliceEvent =
  | { readonly kind: 'changed'; readonly slice: SliceObject }
  | { readonly kind: 'removed'; readonly name: string };

/** The EndpointSlices of a Service, as the API server of the cluster has them. */
export interface SliceApi {
  /** Rejects if the server does not answer with a whole list. */
  list(signal: AbortSignal): Promise<SliceList>;
  /** Resolves when the server ends the watch; rejects if it is broken, or if the version is too old. */
  watch(version: string, onEvent: (event: SliceEvent) => void, signal: AbortSignal): Promise<void>;
  /** Ends the connections; the next request opens others, and reads the authority anew. */
  close(): void;
}

type Body = Awaited<ReturnType<typeof request>>['body'];

const HEAD_LIMIT_MS = 10_000;
const PAGE = 500;
/** An answer with more pages, which are over 50,000 slices, is taken for one that never ends. */
const MOST_PAGES = 100;
const LIST_BYTES = 32 * 1024 * 1024;
const PROBLEM_BYTES = 64 * 1024;
const PROBLEM_CHARACTERS = 200;

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().nullish() }),
  items: z.array(z.unknown()).nullish(),
});
const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const statusSchema = z.object({ message: z.string() });

/** The API over HTTP. The token is read anew for each request, because the cluster replaces it within the hour. */
export class HttpSliceApi implements SliceApi {
  readonly #place: ClusterPlace;
  readonly #service: string;
  readonly #namespace: string | undefined;
  #agent: Agent | undefined;

  constructor(place: ClusterPlace, service: string, namespace: string | undefined) {
    this.#place = place;
    this.#service = service;
    this.#namespace = namespace;
  }

  async list(signal: AbortSignal): Promise<SliceList> {
    const slices: SliceObject[] = [];
    let next = '';
    for (let page = 0; page < MOST_PAGES; page++) {
      const body = await this.#get({ limit: String(PAGE), ...(next !== '' && { continue: next }) }, signal);
      const text = await boundedBody(body, LIST_BYTES);
      if (text === undefined) throw new Error(`the list has more than ${LIST_BYTES} bytes`);
      const { metadata, items } = readJson(listSchema, text, 'the list');
      for (const item of items ?? []) slices.push(checked(sliceObject, item, 'a slice of the list'));
      next = metadata.continue ?? '';
      if (next === '') return { slices, version: metadata.resourceVersion };
    }
    throw new Error(`the list has more than ${MOST_PAGES} pages`);
  }

  async watch(version: string, onEvent: (event: SliceEvent) => void, signal: AbortSignal): Promise<void> {
    const body = await this.#get({ watch: 'true', resourceVersion: version, allowWatchBookmarks: 'true' }, signal);
    for await (const line of eventLines(body)) {
      const { type, object } = readJson(eventSchema, line, 'an event');
      if (type === 'BOOKMARK') continue;
      if (type === 'ERROR') throw new Error(`the watch was ended: ${messageIn(object)}`);
      const slice = checked(sliceObject, object, 'the slice of an event');
      if (type === 'DELETED') onEvent({ kind: 'removed', name: slice.metadata.name });
      else onEvent({ kind: 'changed', slice });
    }
  }

  close(): void {
    const agent = this.#agent;
    this.#agent = undefined;
    // Its requests reject, so their callers learn of it there.
    void agent?.destroy().catch(() => undefined);
  }

  async #get(query: Record<string, string>, signal: AbortSignal): Promise<Body> {
    const namespace = this.#namespace ?? (await fileOf(this.#place.namespaceFile)) ?? 'default';
    const url = new URL(
      `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`,
      this.#place.origin,
    );
    url.searchParams.set('labelSelector', `kubernetes.io/service-name=${this.#service}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const token = await fileOf(this.#place.tokenFile);
    const { statusCode, body } = await request(url, {
      dispatcher: await this.#dispatcher(),
      signal,
      headers: { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    });
    if (statusCode === 200) return body;
    const text = await boundedBody(body, PROBLEM_BYTES);
    throw new Error(`the API server answered ${statusCode}: ${messageIn(parsed(text))}`);
  }

  /** One connection for lists, one for the watch, and one more where a watch ends while its successor begins. */
  async #dispatcher(): Promise<Agent> {
    if (this.#agent !== undefined) return this.#agent;
    const { caFile } = this.#place;
    const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
    this.#agent ??= new Agent({
      connections: 3,
      headersTimeout: HEAD_LIMIT_MS,
      // The caller ends a watch that says nothing.
      bodyTimeout: 0,
      connect: { timeout: HEAD_LIMIT_MS, ...(ca !== undefined && { ca }) },
    });
    return this.#agent;
  }
}

/** Throws one line that says what is wrong, and where. */
function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`${what} cannot be read: ${issue?.path.join('.')}: ${issue?.message}`);
}

function readJson<Schema extends z.ZodType>(schema: Schema, text: string, what: string): z.output<Schema> {
  const value = parsed(text);
  if (value === undefined) throw new Error(`${what} is no JSON: it begins with ${JSON.stringify(text.slice(0, 40))}`);
  return checked(schema, value, what);
}

async function boundedBody(body: Body, maxBytes: number): Promise<string | undefined> {
  // Undici's type of the stream is that of the web, and its body is one of both.
  const text = await boundedText(body as unknown as ReadableStream, maxBytes);
  if (text === undefined) body.destroy();
  return text;
}

async function fileOf(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : (await readFile(path, 'utf8')).trim();
}

/** Undefined if it is no JSON. */
function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** The message of a Status object, which says, for example, which right is missing. */
const messageIn = (object: unknown): string =>
  statusSchema.safeParse(object).data?.message.slice(0, PROBLEM_CHARACTERS) ?? 'no reason given';

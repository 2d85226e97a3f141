import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '../core/node-http.ts';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { readJson } from './body.ts';
import * as replies from './replies.ts';
import type { GeneratorReply } from './replies.ts';
import { type SlotPermit, type SlotOutcome, SlotQueue, type Waiting } from './slots.ts';
import { type GeneratorStats, Tally } from './stats.ts';
import type { Job, Work } from './work.ts';

export interface GeneratorOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Whether another one may listen on the port too, as while a supervisor takes over; not on macOS. */
  readonly reusePort?: boolean;
  /** Requests served at the same time. */
  readonly slots: number;
  /** Waiting requests; twice the slots by default. */
  readonly queueCapacity?: number;
  readonly queueTimeoutMs?: number;
  /** How long a draining generator goes on answering on connections that are idle, so that no caller runs into a closed one. */
  readonly drainGraceMs?: number;
}

export interface GeneratorDeps {
  readonly clock: Clock;
  readonly work: Work;
  /** Called for errors that are bugs. */
  readonly onError?: (error: unknown) => void;
}

export interface Generator {
  readonly port: number;
  stats(): GeneratorStats;
  /**
   * Accepts no new connection, answers the requests on open ones with `Connection: close`, and resolves when all are
   * closed.
   */
  drain(): Promise<void>;
}

const bodyLimitBytes = 64 * 1024;
const defaultQueueTimeoutMs = 500;
const defaultDrainGraceMs = 500;

/** Starts a generator's HTTP server; rejects with the system's error (EADDRINUSE, …) where it cannot listen. */
export async function startGenerator(options: GeneratorOptions, deps: GeneratorDeps): Promise<Generator> {
  const endpoint = new GeneratorEndpoint(options, deps);
  // The idle timeout exceeds a gateway's 60 s, so that it is never the generator that closes a connection in use.
  const server = createServer(
    { keepAliveTimeout: 72_000, headersTimeout: 10_000, requestTimeout: 30_000 },
    (req, res) => void endpoint.answer(req, res),
  );
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  const reusePort = options.reusePort === true && process.platform === 'linux';
  server.listen({ port: options.port, host: options.host, reusePort }, resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  return {
    port,
    stats: () => endpoint.tally.stats(),
    drain: () => {
      endpoint.draining = true;
      return closeServer(server, deps.clock, options.drainGraceMs ?? defaultDrainGraceMs);
    },
  };
}

/**
 * Stops listening at once, but leaves idle connections open for the grace period.
 *
 * http.Server's own close ends idle connections immediately: a request on its way over one would be lost.
 */
function closeServer(server: Server, clock: Clock, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Timers run before sockets are read, so a request that has arrived while the event loop was busy is read first.
  const closeIdle = (): void => {
    void nextTurn().then(() => server.closeIdleConnections());
  };
  const grace = clock.setTimeout(closeIdle, graceMs);
  NetServer.prototype.close.call(server, () => {
    grace.cancel();
    server.close();
    resolve();
  });
  return promise;
}

class GeneratorEndpoint {
  draining = false;
  readonly tally: Tally;
  readonly #slots: SlotQueue;
  readonly #deps: GeneratorDeps;

  constructor(options: GeneratorOptions, deps: GeneratorDeps) {
    const { slots, queueCapacity = 2 * slots, queueTimeoutMs = defaultQueueTimeoutMs } = options;
    this.#slots = new SlotQueue({ slots, queueCapacity, queueTimeoutMs }, deps.clock);
    this.tally = new Tally(this.#slots, deps.clock);
    this.#deps = deps;
  }

  /** Never rejects: an exception is a bug, and costs this request alone. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (error) {
      this.#deps.onError?.(error);
      response.destroy();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0];
    if (path === '/healthz') this.#send(response, this.#health(request.method), 0);
    else if (path !== '/generate') this.#send(response, replies.notFound, 0);
    else if (request.method !== 'POST') this.#send(response, replies.wrongMethod('POST'), 0);
    else await this.#generate(request, response);
  }

  #health(method: string | undefined): GeneratorReply {
    if (method !== 'GET' && method !== 'HEAD') return replies.wrongMethod('GET, HEAD');
    const status = this.draining ? 'draining' : 'ok';
    const { kind } = this.#deps.work;
    return replies.jsonReply(this.draining ? 503 : 200, { status, kind, pid: process.pid, ...this.tally.stats() });
  }

  async #generate(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJson(request, bodyLimitBytes);
    if (!body.ok) {
      if (body.reason === 'left') return;
      this.#finish(response, body.reason === 'malformed' ? replies.malformedJson : replies.tooLarge(bodyLimitBytes), 0);
      return;
    }
    const prepared = this.#deps.work.prepare(body.json);
    if (!prepared.ok) {
      this.#finish(response, replies.unencodable(prepared.problems), 0);
      return;
    }
    const askedAt = this.#deps.clock.now();
    const outcome = await this.#admitted(this.#slots.ask(), response);
    if (outcome.admitted) await this.#serve(prepared.job, outcome.permit, response);
    else if (outcome.reason !== 'left') {
      this.#finish(response, replies.overloaded(outcome.reason), this.#deps.clock.now() - askedAt);
    }
  }

  /** Waits for a slot where there is none yet; a client that leaves meanwhile frees its place in the queue. */
  async #admitted(asked: SlotOutcome | Waiting, response: ServerResponse): Promise<SlotOutcome> {
    if ('admitted' in asked) return asked;
    const leave = this.#guard(asked.leave);
    response.once('close', leave);
    const outcome = await asked.outcome;
    response.off('close', leave);
    return outcome;
  }

  #guard(callback: () => void): () => void {
    return () => {
      try {
        callback();
      } catch (error) {
        this.#deps.onError?.(error);
      }
    };
  }

  /** The slot is held until the last byte is out, or the client gone. */
  async #serve(job: Job, permit: SlotPermit, response: ServerResponse): Promise<void> {
    // Requests that have arrived are counted against the cap before the next render blocks the event loop. Otherwise
    // requests would pile up unseen in socket buffers, and cap and queue would never fill.
    await nextTurn();
    if (response.destroyed) {
      permit.release();
      return;
    }
    // When a client leaves, its slot is free at once, because gateways count connections as permits.
    const release = this.#guard(permit.release);
    response.once('close', release);
    response.once('finish', release);
    const reply = await this.#run(job, permit);
    this.#finish(response, reply, this.#deps.clock.now() - permit.askedAt - reply.busyMs);
  }

  async #run(job: Job, permit: SlotPermit): Promise<GeneratorReply> {
    const startedAt = this.#deps.clock.now();
    try {
      const outcome = await job(permit);
      const busyMs = this.#deps.clock.now() - startedAt;
      return outcome.ok ? replies.imageReply(outcome.image, busyMs) : replies.unencodable(outcome.problems, busyMs);
    } catch (error) {
      this.#deps.onError?.(error);
      return replies.failed;
    }
  }

  #finish(response: ServerResponse, reply: GeneratorReply, queuedMs: number): void {
    this.tally.count(reply.status, reply.busyMs);
    this.#send(response, reply, queuedMs);
  }

  #send(response: ServerResponse, reply: GeneratorReply, queuedMs: number): void {
    const queue = Math.max(0, queuedMs).toFixed(2);
    const headers: Record<string, string | number> = {
      ...reply.headers,
      'content-length': reply.body.length,
      'endpoint-load-metrics': this.tally.loadHeader(),
      'server-timing': `queue;dur=${queue}, render;dur=${reply.busyMs.toFixed(2)}`,
    };
    if (this.draining || reply.close === true) headers['connection'] = 'close';
    response.writeHead(reply.status, headers);
    response.end(reply.body);
  }
}

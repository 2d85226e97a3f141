import type { Logger } from 'pino';
import type { Timer } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { type ConnectionOptions, ValkeyConnection } from './valkey-connection.ts';
import { ValkeyUnavailable } from './valkey-unavailable.ts';

/** Whether Valkey can be used, and since when, in milliseconds since the epoch. */
export interface ValkeyStatus {
  readonly state: 'connecting' | 'connected' | 'unavailable';
  readonly problem?: string;
  readonly since: number;
  /** The last answer, in milliseconds since the epoch, and how long it took. */
  readonly heardAtMs?: number;
  readonly tookMs?: number;
}

interface LinkOptions extends ConnectionOptions {
  readonly log: Logger;
  /** Prepares a new connection; it is used once this has resolved. */
  readonly setUp: (connection: ValkeyConnection) => Promise<void>;
  readonly onConnected: (connection: ValkeyConnection) => void;
}

/** Shortest and longest pause before the next attempt. */
const MIN_PAUSE_MS = 50;
const MAX_PAUSE_MS = 200;
/** A connection that stood for less counts as a failed attempt. */
const SOUND_AFTER_MS = 1000;
/** A silent server is noticed after at most the sum of these two. */
const PING_MS = 1000;
const PING_LIMIT_MS = 1000;
const MOST_PONG_BYTES = 1024;

/** Keeps one connection open for ever: whenever it ends, another one is opened after a pause. */
export class ValkeyLink {
  readonly #options: LinkOptions;
  #connection: ValkeyConnection | undefined;
  #status: ValkeyStatus;
  #timer: Timer | undefined;
  #failures = 0;
  #connectedAt = 0;
  #isClosed = false;
  /** Only the first of equal problems is logged. */
  #logged: string | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#status = { state: 'connecting', since: options.clock.wallNow() };
    this.#open();
  }

  get status(): ValkeyStatus {
    return this.#status;
  }

  /** The connection in use; throws a ValkeyUnavailable while there is none. */
  get connection(): ValkeyConnection {
    if (this.#status.state === 'connected' && this.#connection !== undefined) return this.#connection;
    throw new ValkeyUnavailable('not-connected', this.#status.problem ?? 'it is not connected yet');
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#connection?.end('Rampart closes the connection');
    this.#status = {
      state: 'unavailable',
      problem: 'Rampart has closed the connection',
      since: this.#options.clock.wallNow(),
    };
  }

  #open(): void {
    this.#connection = new ValkeyConnection(this.#options);
    this.#prepare(this.#connection).catch((error: unknown) => this.#options.bugs.report('valkey', error));
  }

  async #prepare(connection: ValkeyConnection): Promise<void> {
    const { clock, setUp } = this.#options;
    const startedAt = clock.now();
    try {
      await connection.greet();
      await setUp(connection);
    } catch (error) {
      connection.end(messageOf(error));
      this.#lost(messageOf(error));
      return;
    }
    this.#opened(connection, clock.now() - startedAt);
  }

  #opened(connection: ValkeyConnection, tookMs: number): void {
    if (this.#isClosed) return;
    const { clock, log, address, onConnected } = this.#options;
    const now = clock.wallNow();
    this.#connectedAt = clock.now();
    this.#status = { state: 'connected', since: now, heardAtMs: now, tookMs };
    if (this.#logged !== undefined) log.info({ valkey: shownNodes(address.nodes) }, 'Valkey is connected again');
    this.#logged = undefined;
    connection.onEnd = (problem) => this.#lost(problem);
    this.#pingSoon(connection);
    onConnected(connection);
  }

  #lost(problem: string): void {
    if (this.#isClosed) return;
    const { clock, random, log, address } = this.#options;
    this.#timer?.cancel();
    const isSound = this.#status.state === 'connected' && clock.now() - this.#connectedAt >= SOUND_AFTER_MS;
    this.#failures = isSound ? 0 : this.#failures + 1;
    const since = this.#status.state === 'unavailable' ? this.#status.since : clock.wallNow();
    this.#status = { state: 'unavailable', problem, since };
    if (problem !== this.#logged) log.warn({ valkey: shownNodes(address.nodes), problem }, 'Valkey is unavailable');
    this.#logged = problem;
    const longest = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** Math.min(this.#failures + 1, 10));
    const pauseMs = MIN_PAUSE_MS + random() * (longest - MIN_PAUSE_MS);
    this.#timer = clock.setTimeout(() => this.#open(), pauseMs);
  }

  async #ping(connection: ValkeyConnection): Promise<void> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    try {
      await connection.send([['PING']], PING_LIMIT_MS, 'as-text', MOST_PONG_BYTES);
    } catch (error) {
      connection.end(`a PING failed: ${messageOf(error)}`);
    }
    if (this.#isClosed || this.#connection !== connection || this.#status.state !== 'connected') return;
    this.#status = { ...this.#status, heardAtMs: clock.wallNow(), tookMs: clock.now() - startedAt };
    this.#pingSoon(connection);
  }

  #pingSoon(connection: ValkeyConnection): void {
    const { clock, bugs } = this.#options;
    const ping = (): void => void this.#ping(connection).catch((error: unknown) => bugs.report('valkey', error));
    this.#timer = clock.setTimeout(ping, PING_MS);
  }
}

const shownNodes = (nodes: readonly { readonly host: string; readonly port: number }[]): string =>
  nodes.map(({ host, port }) => `${host}:${port}`).join(',');

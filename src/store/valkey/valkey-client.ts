import type { Logger } from 'pino';
import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { valkeyAddress } from '../../core/valkey-url.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { ConnectionOptions, ValkeyCommand, ValkeyConnection } from './valkey-connection.ts';
import { ValkeyLink, type ValkeyStatus } from './valkey-link.ts';
import type { ValkeyServer } from './valkey-server.ts';
import { ValkeyUnavailable } from './valkey-unavailable.ts';
import { ValkeySubscriber } from './valkey-subscriber.ts';

/** Functions in Lua, for FUNCTION LOAD. The name carries a version, because an old release may still call the old code. */
export interface FunctionLibrary {
  readonly name: string;
  readonly code: string;
}

/** A function of a library, as FCALL takes it. */
export interface FunctionCall {
  readonly name: string;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

export interface ValkeyOptions {
  /** As VALKEY_URL, which has been checked. */
  readonly url: string;
  readonly libraries: readonly FunctionLibrary[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly bugs: Bugs;
  /** How long a call may take. */
  readonly timeoutMs?: number;
  readonly connectionName: string;
}

const TIMEOUT_MS = 250;
/** Compiling a library may take longer than a call. */
const LOAD_MS = 1000;

/**
 * Valkey or Redis, as control uses it. A call is sent at once or never, executed at most once, and fails with a
 * ValkeyUnavailable when the answer does not come in time. The client reconnects for ever.
 */
export class ValkeyClient {
  readonly #options: ValkeyOptions;
  readonly #connectionOptions: ConnectionOptions;
  readonly #link: ValkeyLink;
  #subscriber: ValkeySubscriber | undefined;
  /** Called with the server's run_id each time a connection can be used, before any other call is sent on it. */
  onConnected: ((runId: string) => void) | undefined;

  constructor(options: ValkeyOptions) {
    this.#options = options;
    const address = valkeyAddress(options.url);
    if (typeof address === 'string') throw new TypeError(`The URL of Valkey ${address}`);
    const { connectionName, clock, random, bugs, log } = options;
    this.#connectionOptions = { address, connectionName, clock, random, bugs };
    this.#link = new ValkeyLink({
      ...this.#connectionOptions,
      log,
      setUp: (connection) => this.#load(connection),
      onConnected: ({ server }) => this.onConnected?.(server?.runId ?? ''),
    });
  }

  /** The server of the present connection; undefined while there is none. */
  get server(): ValkeyServer | undefined {
    return this.status().state === 'connected' ? this.#link.connection.server : undefined;
  }

  /** The run_id of that server. It was read before anything else was sent on this connection. */
  get runId(): string | undefined {
    return this.server?.runId;
  }

  status(): ValkeyStatus {
    return this.#link.status;
  }

  /** Calls a function (FCALL). */
  async call(name: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#one(fcall({ name, keys, args }));
  }

  /**
   * Calls functions in one round trip. A call that was refused stands in its place as a ValkeyUnavailable; rejects with
   * one if no answers came.
   */
  callMany(calls: readonly FunctionCall[]): Promise<unknown[]> {
    return this.#send(calls.map(fcall));
  }

  /** Sends any other command, such as PUBLISH. */
  async command(name: string, ...args: (string | number)[]): Promise<unknown> {
    return this.#one([name, ...args]);
  }

  /** Sends other commands in one round trip, and takes texts as they are on the wire. Answers of more than `mostBytes` end the connection. As `callMany` otherwise. */
  async bytes(
    commands: readonly ValkeyCommand[],
    limitMs = this.#options.timeoutMs ?? TIMEOUT_MS,
    mostBytes?: number,
  ): Promise<unknown[]> {
    return this.#link.connection.send(commands, limitMs, 'as-bytes', mostBytes);
  }

  /**
   * Calls back with each message of a channel, over a connection of its own. Messages get lost while that connection is
   * down. Returns a function that ends the subscription.
   */
  subscribe(channel: string, onMessage: (message: string) => void): () => void {
    const { log } = this.#options;
    this.#subscriber ??= new ValkeySubscriber({ ...this.#connectionOptions, log });
    return this.#subscriber.subscribe(channel, onMessage);
  }

  close(): void {
    this.#link.close();
    this.#subscriber?.close();
  }

  async #one(command: ValkeyCommand): Promise<unknown> {
    const [answer] = await this.#send([command]);
    if (answer instanceof ValkeyUnavailable) throw answer;
    return answer;
  }

  async #send(commands: readonly ValkeyCommand[]): Promise<unknown[]> {
    return this.#link.connection.send(commands, this.#options.timeoutMs ?? TIMEOUT_MS);
  }

  async #load(connection: ValkeyConnection): Promise<void> {
    const { libraries } = this.#options;
    if (libraries.length === 0) return;
    const answers = await connection.send(
      libraries.map(({ code }): ValkeyCommand => ['FUNCTION', 'LOAD', code]),
      LOAD_MS,
    );
    const refused = answers.find(
      (answer) => answer instanceof ValkeyUnavailable && !/already exists/.test(answer.message),
    );
    if (refused !== undefined) throw refused;
  }
}

const fcall = ({ name, keys, args }: FunctionCall): ValkeyCommand => ['FCALL', name, keys.length, ...keys, ...args];

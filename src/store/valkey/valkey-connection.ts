import { Redis, ReplyError } from 'ioredis';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { type Random, shuffled } from '../../core/random.ts';
import type { ValkeyAddress } from '../../core/valkey-url.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import { ReplyBound } from './reply-bound.ts';
import { type ValkeyServer, valkeyServer } from './valkey-server.ts';
import { ValkeyUnavailable } from './valkey-unavailable.ts';

/** A command with its arguments. */
export type ValkeyCommand = readonly [string, ...(string | number | Buffer)[]];

export interface ConnectionOptions {
  readonly address: ValkeyAddress;
  /** Shown by `CLIENT LIST`. */
  readonly connectionName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly bugs: Bugs;
}

/** How long opening a TCP connection, and each answer of a sentinel, may take. */
const CONNECT_MS = 1000;
/** How long the greeting may take after that. */
const GREETING_MS = 1000;
/** Of the replies to one round trip, unless the caller says so: a page of news whose bodies are as long as hosts make them. */
const MOST_REPLY_BYTES = 64 * 1024 * 1024;
const MOST_GREETING_BYTES = 256 * 1024;
const MOST_MESSAGE_BYTES = 1024 * 1024;
/** After these answers another connection may be better off: it finds the new primary, or loads the functions again. */
const LEAVES_AFTER = /^(?:READONLY|LOADING|MASTERDOWN|NOAUTH|ERR Function not found)/;

/**
 * One connection: it opens once, ends once, and is never reused. ioredis reads and writes; its queues, retries and
 * repeats are off, because a command that is sent twice is a command that is executed twice. ioredis keeps the place
 * of a command that has timed out, so a late answer is dropped and never taken for the answer to the next command.
 */
export class ValkeyConnection {
  readonly #options: ConnectionOptions;
  readonly #redis: Redis;
  readonly #bound = new ReplyBound();
  readonly #pending = new Set<(error: ValkeyUnavailable) => void>();
  #server: ValkeyServer | undefined;
  #problem: string | undefined;
  /** Called once, if it ends after it was greeted. */
  onEnd: ((problem: string) => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#redis = openRedis(options);
    const guard = (ended: (error?: unknown) => void): ((error?: unknown) => void) =>
      options.bugs.guard('valkey', ended);
    this.#redis.on(
      'error',
      guard((error) => this.end(`the connection failed: ${messageOf(error)}`)),
    );
    this.#redis.on(
      'end',
      guard(() => this.end('it closed the connection')),
    );
    // The parser of ioredis listens first, so replies that it completes reset the count before the next bytes arrive.
    const received = options.bugs.guard('valkey', (bytes: Buffer) => this.#received(bytes.length));
    this.#redis.once(
      'connect',
      guard(() => void this.#redis.stream.on('data', received)),
    );
  }

  /** What the server said of itself. */
  get server(): ValkeyServer | undefined {
    return this.#server;
  }

  /** Connects, signs in, and reads what the server says of itself; rejects if it cannot be used. */
  async greet(): Promise<ValkeyServer> {
    const { address, connectionName } = this.#options;
    const { username, password, database } = address;
    await this.#settled(
      this.#redis.connect(),
      CONNECT_MS * (1 + (address.sentinelName === undefined ? 0 : address.nodes.length)),
    );
    const signIn: ValkeyCommand[] =
      password === undefined ? [] : [username === undefined ? ['AUTH', password] : ['AUTH', username, password]];
    const commands: ValkeyCommand[] = [
      ...signIn,
      ['SELECT', database],
      ['CLIENT', 'SETNAME', connectionName],
      ['INFO'],
    ];
    const answers = await this.send(commands, GREETING_MS, 'as-text', MOST_GREETING_BYTES);
    const refused = answers.find((answer) => answer instanceof ValkeyUnavailable);
    if (refused !== undefined) throw refused;
    const server = valkeyServer(String(answers.at(-1)));
    if (server.problem !== undefined) throw new ValkeyUnavailable('refused', server.problem);
    this.#server = server;
    return server;
  }

  /**
   * The answers to some commands, in order, after one round trip; an error answer stands in its place as a
   * ValkeyUnavailable. Rejects if there are no answers. Answers of more than `mostBytes` together end the connection.
   */
  async send(
    commands: readonly ValkeyCommand[],
    limitMs: number,
    texts: 'as-text' | 'as-bytes' = 'as-text',
    mostBytes = MOST_REPLY_BYTES,
  ) {
    const pipeline = this.#redis.pipeline();
    for (const [name, ...args] of commands) {
      if (texts === 'as-text') pipeline.call(name, ...args);
      else pipeline.callBuffer(name, ...args);
    }
    const answers = (await this.#settled(this.#bounded(pipeline.exec(), mostBytes), limitMs)) ?? [];
    return answers.map(([error, answer]) => {
      const refusal = error === null ? undefined : this.#refusal(error);
      if (refusal !== undefined && refusal.reason !== 'refused') throw refusal;
      return refusal ?? answer;
    });
  }

  /** Gets what is published on a channel from now on; only PING can be sent afterwards. */
  async subscribe(channels: readonly string[], onMessage: (channel: string, message: string) => void): Promise<void> {
    const heard = (channel: string, message: string): void => {
      this.#bound.heard();
      onMessage(channel, message);
    };
    this.#redis.on('message', this.#options.bugs.guard('valkey', heard));
    this.#bound.allowMessages(MOST_MESSAGE_BYTES);
    await this.#settled(this.#redis.subscribe(...channels), GREETING_MS);
  }

  /** Ends it now, whatever it still waits for. */
  end(problem: string): void {
    if (this.#problem !== undefined) return;
    this.#problem = this.#withoutSecrets(problem);
    this.#redis.disconnect();
    for (const fail of this.#pending) fail(new ValkeyUnavailable('lost', this.#problem));
    if (this.#server !== undefined) this.onEnd?.(this.#problem);
  }

  /** Bounds the replies to one request. A reply that arrives after its time limit still ends its count. */
  #bounded<T>(result: Promise<T>, mostBytes: number): Promise<T> {
    this.#bound.asked(mostBytes);
    return result.finally(() => this.#bound.answered());
  }

  #received(bytes: number): void {
    if (!this.#bound.isExceededBy(bytes)) return;
    this.end('it sent more than it was asked for');
    // A disconnect alone would read on until the server closes the connection.
    this.#redis.stream.destroy();
  }

  /** The result of ioredis, unless it takes too long or the connection ends. */
  async #settled<T>(result: Promise<T>, limitMs: number): Promise<T> {
    const { promise: failure, reject: fail } = Promise.withResolvers<never>();
    const late = new ValkeyUnavailable('timeout', `no answer in ${limitMs} ms`);
    const timer = this.#options.clock.setTimeLimit(() => fail(late), limitMs);
    this.#pending.add(fail);
    if (this.#problem !== undefined) fail(new ValkeyUnavailable('not-connected', this.#problem));
    try {
      return await Promise.race([this.#explained(result), failure]);
    } finally {
      this.#pending.delete(fail);
      timer.cancel();
    }
  }

  /** A result that fails with the connection waits for the event that says why, which comes in the same turn. */
  async #explained<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      await new Promise((resolve) => setImmediate(resolve));
      throw this.#refusal(error);
    }
  }

  #refusal(error: unknown): ValkeyUnavailable {
    const message = this.#withoutSecrets(messageOf(error));
    if (!(error instanceof ReplyError)) return new ValkeyUnavailable('lost', message);
    if (LEAVES_AFTER.test(message)) this.end(`it answered: ${message}`);
    return new ValkeyUnavailable('refused', `it answered: ${message}`);
  }

  /** An old server repeats the arguments of a command that it does not know, the password among them. */
  #withoutSecrets(message: string): string {
    const { password, sentinelPassword } = this.#options.address;
    let text = message.replace(/,? with args beginning with:.*/s, '');
    for (const secret of [password, sentinelPassword]) if (secret !== undefined) text = text.replaceAll(secret, '***');
    return text;
  }
}

function openRedis({ address, random }: ConnectionOptions): Redis {
  const { nodes, sentinelName, isTls, sentinelPassword } = address;
  const [{ host, port }] = nodes as [(typeof nodes)[number]];
  // Without a server name a certificate for a host name would not be checked against it.
  const tls = isTls ? { tls: { servername: /[a-z]/i.test(host) && !host.includes(':') ? host : '' } } : {};
  const common = {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    protocol: 2,
    connectTimeout: CONNECT_MS,
    // Between the end of a connection and its forced end, if the server does not close it.
    disconnectTimeout: 100,
  } as const;
  if (sentinelName === undefined) return new Redis({ ...common, host, port, ...tls });
  return new Redis({
    ...common,
    // In random order, because each connection asks anew and the first sentinel may be down.
    sentinels: shuffled(nodes, random),
    name: sentinelName,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(isTls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
    sentinelCommandTimeout: CONNECT_MS,
    sentinelRetryStrategy: () => null,
    updateSentinels: false,
  });
}

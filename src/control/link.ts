import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Bugs } from '../metrics/bugs.ts';
import type { Counter, Registry } from '../metrics/instruments.ts';
import { backoffMs } from '../policy/retry/backoff.ts';
import { asControlMessage } from '../protocol/message-check.ts';
import type { ControlAsk } from '../protocol/config-wire.ts';
import type { ControlMessage, MemberMessage } from '../protocol/messages.ts';
import { receive, send } from '../protocol/lines.ts';
import { unknownMessages } from './unknown-messages.ts';

export interface LinkOptions {
  readonly socketPath: string;
  readonly hello: Extract<MemberMessage, { type: 'hello' }>;
  readonly registry: Registry;
  readonly bugs: Bugs;
  readonly clock: Clock;
  readonly random: Random;
  readonly status: () => unknown;
  readonly onMessage?: (message: ControlMessage) => void;
  /** The link has connected and sent nothing but `hello`. */
  readonly onConnected?: () => void;
  /** The connection to control has ended; the link keeps trying to reconnect. */
  readonly onLost?: () => void;
}

const REPORT_INTERVAL_MS = 1000;
/** A report that is younger than this needs no other one. */
const RECENT_MS = 900;
/** Control sends a heartbeat twice a second; a control that is silent for this long hangs, and counts as gone. */
const SILENCE_LIMIT_MS = 2000;
/** While control has this much unread, messages that it can do without are not sent. */
const MAX_UNREAD_BYTES = 256 * 1024;
const retryLimits = { firstMs: 50, maxMs: 1000 };

/** A process's connection to control: made again whenever it breaks, as control may come and go. */
export class ControlLink {
  readonly #options: LinkOptions;
  readonly #unknownMessages: Counter;
  #socket: Socket | undefined;
  #failures = 0;
  #heardAt = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#unknownMessages = unknownMessages(options.registry);
    this.#connect();
  }

  /** Says something, if control is there. */
  tell(message: MemberMessage): void {
    if (this.#socket !== undefined && !this.#socket.connecting) send(this.#socket, message);
  }

  /** Says something that can be done without: false where control is away, or has not read for long. */
  offer(message: MemberMessage): boolean {
    const socket = this.#socket;
    if (socket === undefined || socket.connecting || !socket.writable) return false;
    if (socket.writableLength > MAX_UNREAD_BYTES) return false;
    send(socket, message);
    return true;
  }

  /** Sends the last report and closes. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    const socket = this.#socket;
    if (socket === undefined || socket.connecting || !socket.writable) {
      socket?.destroy();
      return;
    }
    this.#report();
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.end();
      this.#options.clock.setTimeout(() => socket.destroy(), 500);
    });
  }

  #connect(): void {
    const { socketPath, hello, onMessage, onConnected, onLost, clock, random, bugs } = this.#options;
    const guard = (callback: () => void): (() => void) => bugs.guard('control-link', callback, () => socket.destroy());
    const socket = connect(socketPath);
    this.#socket = socket;
    let wasConnected = false;
    // A link must not keep a process alive that has nothing else to do.
    socket.unref();
    const connected = (): void => {
      wasConnected = true;
      this.#failures = 0;
      this.#heardAt = clock.now();
      send(socket, hello);
      onConnected?.();
      this.#report();
      this.#scheduleReport();
    };
    socket.on('connect', guard(connected));
    socket.on('error', () => {
      // 'close' follows, and there the link is made again.
    });
    const closed = (): void => {
      this.#timer?.cancel();
      if (this.#closed) return;
      this.#timer = clock.setTimeout(() => this.#connect(), backoffMs(++this.#failures, retryLimits, random));
      if (wasConnected) onLost?.();
    };
    socket.on('close', guard(closed));
    receive(socket, {
      accept: asControlMessage,
      onMessage: (message) => {
        this.#heardAt = clock.now();
        if (message.type === 'report') this.#report();
        else onMessage?.(message);
      },
      onUnknown: () => this.#unknownMessages.value++,
      onBug: (error) => bugs.report('control-message', error),
    });
  }

  #report(): void {
    const { registry, status } = this.#options;
    // A control that does not read gets no more of them: they would pile up here, and the next one says it all.
    if (this.#socket === undefined || this.#socket.writableLength > 0) return;
    this.#reportedAt = this.#options.clock.now();
    send(this.#socket, { type: 'report', metrics: registry.snapshot(), status: status() });
  }

  #scheduleReport(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      if (this.#options.clock.now() - this.#heardAt > SILENCE_LIMIT_MS) {
        this.#socket?.destroy();
        return;
      }
      // Scheduled first, so that an exception in one report does not end all reports.
      this.#scheduleReport();
      // Control asks for one each second; a report of its own is for a control that does not.
      if (this.#options.clock.now() - this.#reportedAt >= RECENT_MS) this.#report();
    }, REPORT_INTERVAL_MS);
  }
}

/** Asks control something. Undefined if no control answers within the limit. */
export function askControl(socketPath: string, ask: ControlAsk, limitMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.setTimeout(limitMs, () => socket.destroy());
    socket.on('connect', () => {
      try {
        send(socket, ask);
      } catch {
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(undefined));
    receive(socket, {
      accept: asControlMessage,
      onMessage: (message) => {
        if (message.type !== 'answer') return;
        resolve(message.result);
        socket.destroy();
      },
      onUnknown: () => {},
      onBug: () => {},
    });
  });
}

const TELL_LIMIT_MS = 1000;

/** Sends control one message. `silent`: the connection was accepted, and nothing came back within a second. */
export function tellControl(socketPath: string, message: MemberMessage): Promise<'told' | 'silent' | 'absent'> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.setTimeout(TELL_LIMIT_MS, () => {
      resolve('silent');
      socket.destroy();
    });
    socket.on('connect', () => {
      try {
        send(socket, message);
        socket.end();
      } catch {
        resolve('absent');
        socket.destroy();
      }
    });
    // Control sends nothing on this connection; it ends the connection when it has read the message.
    socket.resume();
    socket.on('error', () => resolve('absent'));
    socket.on('close', () => resolve('told'));
  });
}

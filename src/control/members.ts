import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { processName } from '../core/process-name.ts';
import type { Snapshot } from '../metrics/instruments.ts';
import { asMemberMessage } from '../protocol/message-check.ts';
import type { ConfigVersion, ControlAsk } from '../protocol/config-wire.ts';
import type { ControlMessage, MemberMessage, Role } from '../protocol/messages.ts';
import { receive, send } from '../protocol/lines.ts';

/** A process that has said hello. */
export interface Member {
  readonly id: string;
  readonly role: Role;
  readonly instance: number;
  readonly pid: number;
  readonly version: string;
  readonly startedAtMs: number;
  /** Unique among all processes; undefined if control cannot look at the process. */
  readonly processName: string | undefined;
  /** When it connected, by control's clock. */
  readonly joinedAt: number;
  status: unknown;
  /** The hash of the configuration that the member works with, once it has sent it. */
  configHash: string | undefined;
  /** The number in the ids of its records, once it has sent it. */
  maker: number | undefined;
  /** The version of the configuration file that it works with, once control knows it. */
  configVersion: ConfigVersion | undefined;
}

export interface MemberEvents {
  joined(member: Member): void;
  left(member: Member): void;
  reported(member: Member, metrics: Snapshot): void;
  keysChanged(): void;
  /** A command of the same user asks something; it is no member. */
  asked(ask: ControlAsk, answer: (result: unknown) => void): void;
  /** Any other message of a member. */
  said(member: Member, message: MemberMessage): void;
  /** A message of a type that is unknown here, which is ignored. */
  unknown(): void;
  /** An exception while a message or the end of a connection was dealt with. */
  bug(error: unknown): void;
}

/** The Unix socket to which the processes of the host are connected. */
export class Members {
  readonly #server: Server;
  readonly #events: MemberEvents;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #present = new Map<Member, Socket>();

  constructor(events: MemberEvents, clock: Pick<Clock, 'now'>) {
    this.#events = events;
    this.#clock = clock;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => resolve());
    });
  }

  /** In the order in which they connected. */
  all(): Member[] {
    return [...this.#present.keys()];
  }

  tell(member: Member, message: ControlMessage): void {
    const socket = this.#present.get(member);
    if (socket !== undefined) send(socket, message);
  }

  close(): Promise<void> {
    for (const socket of this.#present.values()) socket.destroy();
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    try {
      this.#serve(socket);
    } catch (error) {
      this.#events.bug(error);
      socket.destroy();
    }
  }

  #serve(socket: Socket): void {
    let member: Member | undefined;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      try {
        if (member === undefined) return;
        this.#present.delete(member);
        this.#events.left(member);
      } catch (error) {
        this.#events.bug(error);
      }
    });
    receive(socket, {
      accept: asMemberMessage,
      onMessage: (message) => {
        member = this.#take(message, member, socket);
      },
      onUnknown: () => this.#events.unknown(),
      onBug: (error) => this.#events.bug(error),
    });
  }

  /** The member after the message; a `hello` makes one. */
  #take(message: MemberMessage, member: Member | undefined, socket: Socket): Member | undefined {
    if (message.type === 'keys-changed') this.#events.keysChanged();
    else if (message.type === 'ask') this.#events.asked(message, (result) => send(socket, { type: 'answer', result }));
    else if (message.type === 'hello') {
      if (member !== undefined) {
        // A second `hello` would make a second member, and the first one would never leave.
        socket.destroy();
        return member;
      }
      const { member: id, role, instance, pid, version, startedAtMs } = message;
      const joined: Member = {
        id,
        role,
        instance,
        pid,
        version,
        startedAtMs,
        joinedAt: this.#clock.now(),
        processName: processName(pid),
        status: undefined,
        configHash: undefined,
        maker: undefined,
        configVersion: undefined,
      };
      this.#present.set(joined, socket);
      this.#events.joined(joined);
      return joined;
    } else if (message.type === 'report' && member !== undefined) {
      member.status = message.status;
      this.#events.reported(member, message.metrics);
    } else if (member !== undefined) this.#events.said(member, message);
    return member;
  }
}

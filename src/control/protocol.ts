import type { CacheCommand, CacheReport } from '../gateway/cache/cache-order.ts';
import type { Snapshot } from '../metrics/instruments.ts';
import type { Socket } from 'node:net';
import type { BackendsByUpstream } from './membership.ts';
import type { HostLoad } from '../policy/permits/lease-messages.ts';
import type { ById, WireOrder, WireReport } from './lease-wire.ts';
import type { TokenAsk, TokenGrant } from '../policy/rate/token-messages.ts';

export type Role = 'gateway' | 'generator' | 'control' | 'batch' | 'supervisor';

/** What a process tells control. */
export type MemberMessage =
  | {
      readonly type: 'hello';
      readonly member: string;
      readonly role: Role;
      readonly instance: number;
      readonly pid: number;
      readonly version: string;
      readonly startedAtMs: number;
    }
  | { readonly type: 'report'; readonly metrics: Snapshot; readonly status: unknown }
  /** What a worker holds, by upstream: its first words on a connection. */
  | {
      readonly type: 'holdings';
      readonly held: Readonly<Record<string, ById>>;
      readonly pidNamespace: string;
      /** Of its configuration: all processes of a host should have the same. */
      readonly configHash: string;
    }
  /** What a worker holds of one upstream, and how much waits there. */
  | { readonly type: 'held'; readonly upstream: string; readonly report: WireReport }
  /** What a worker wants of the rate limits, for all subjects at once. */
  | { readonly type: 'tokens'; readonly asks: readonly TokenAsk[] }
  /** It serves as a backend of the upstream at this origin: said on each connection. */
  | { readonly type: 'announce'; readonly upstream: string; readonly origin: string }
  /** It is about to end, and takes no new requests as a backend. */
  | { readonly type: 'withdraw' }
  | CacheReport
  /** From the command line: keys have been made or revoked. */
  | { readonly type: 'keys-changed' }
  /** Asks for nothing but whether somebody reads. */
  | { readonly type: 'ping' };

/** What control tells a process. */
export type ControlMessage =
  /**
   * The backends of each upstream, of which control leases permits: the first words to a worker, and said again when
   * they change. `configHash` is that of control's configuration.
   */
  | { readonly type: 'members'; readonly upstreams: BackendsByUpstream; readonly configHash: string }
  | { readonly type: 'backends'; readonly backends: readonly BackendHealth[] }
  | { readonly type: 'lease'; readonly upstream: string; readonly order: WireOrder }
  /** What the other workers have at an upstream; needs no answer. */
  | { readonly type: 'load'; readonly upstream: string; readonly load: HostLoad }
  | { readonly type: 'keys-changed' }
  /** What it gets, in the order in which it asked. */
  | { readonly type: 'tokens'; readonly grants: readonly TokenGrant[] }
  | CacheCommand
  /** Control lives; said twice a second, as a silent one is as good as none. */
  | { readonly type: 'pulse' }
  /** Send a report now. */
  | { readonly type: 'report' };

/** What a worker is told of a backend. */
export interface BackendHealth {
  readonly upstream: string;
  readonly backend: string;
  readonly up: boolean;
}

/** A message longer than this is a fault, not a message. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/** Messages are JSON, one a line. */
export function send(socket: Socket, message: MemberMessage | ControlMessage): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

export interface ReceiveOptions<Message> {
  /** The message if the value is one; undefined closes the connection. */
  readonly accept: (value: unknown) => Message | undefined;
  readonly onMessage: (message: Message) => void;
  /** Told of an exception in `onMessage`, which closes the connection too. */
  readonly onBug: (error: unknown) => void;
}

/** Reads messages, one JSON value a line; anything that is none costs the sender its connection. */
export function receive<Message>(socket: Socket, { accept, onMessage, onBug }: ReceiveOptions<Message>): void {
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > MAX_LINE_CHARACTERS) socket.destroy();
    for (const line of lines) {
      if (socket.destroyed) return;
      try {
        const message = accept(parse(line));
        if (message === undefined) socket.destroy();
        else onMessage(message);
      } catch (error) {
        onBug(error);
        socket.destroy();
      }
    }
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

import type { PurgeTarget } from '../gateway/cache/reply-store.ts';
import type { Snapshot } from '../metrics/instruments.ts';
import type { Socket } from 'node:net';
import type { LeaseOrder, LeaseReport } from '../policy/permits/lease-messages.ts';
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
      readonly held: Readonly<Record<string, readonly number[]>>;
      readonly pidNamespace: string;
    }
  /** What a worker holds of one upstream, and how much waits there. */
  | { readonly type: 'held'; readonly upstream: string; readonly report: LeaseReport }
  /** What a worker wants of the rate limits, for all subjects at once. */
  | { readonly type: 'tokens'; readonly asks: readonly TokenAsk[] }
  /** A purge is done; how many entries went. */
  | { readonly type: 'purged'; readonly id: number; readonly entries: number }
  /** From the command line: keys have been made or revoked. */
  | { readonly type: 'keys-changed' }
  /** Asks for nothing but whether somebody reads. */
  | { readonly type: 'ping' };

/** What control tells a process. */
export type ControlMessage =
  | { readonly type: 'backends'; readonly backends: readonly BackendHealth[] }
  | { readonly type: 'lease'; readonly upstream: string; readonly order: LeaseOrder }
  | { readonly type: 'keys-changed' }
  /** What it gets, in the order in which it asked. */
  | { readonly type: 'tokens'; readonly grants: readonly TokenGrant[] }
  /** Forget stored replies, and say `purged` with this id. */
  | { readonly type: 'purge'; readonly id: number; readonly target: PurgeTarget }
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

/** Calls `onMessage` for each line that is a JSON object with a type; anything else closes the connection. */
export function receive<M extends { type: string }>(socket: Socket, onMessage: (message: M) => void): void {
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (pending + text).split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > MAX_LINE_CHARACTERS) socket.destroy();
    for (const line of lines) {
      const message = parse<M>(line);
      if (message === undefined) socket.destroy();
      else onMessage(message);
    }
  });
}

function parse<M>(line: string): M | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'type' in value ? (value as M) : undefined;
  } catch {
    return undefined;
  }
}

import type { CacheCommand, CacheReport } from './cache-order.ts';
import type { Snapshot } from '../metrics/instruments.ts';
import type { ConfigOrder, ConfigReport, ControlAnswer, ControlAsk } from './config-wire.ts';
import type { BackendsByUpstream, BackendState } from './backends.ts';
import type { HostLoad } from './lease.ts';
import type { ById, WireOrder, WireReport } from './lease-wire.ts';
import type { NewsPosition } from './news-position.ts';
import type { PlaceAsk, PlaceNews } from './places.ts';
import type { RecordAnswer, RecordAsk } from './record-ask.ts';
import type { TraceMessage } from './trace-wire.ts';
import type { TokenAsk, TokenGrant } from './tokens.ts';

export type Role = 'gateway' | 'generator' | 'control' | 'batch' | 'supervisor';

/** A message of a process to control. */
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
  /** The permits that a worker holds, by upstream: its first message on a connection. */
  | {
      readonly type: 'holdings';
      readonly held: Readonly<Record<string, ById>>;
      readonly pidNamespace: string;
      /** Of its configuration: all processes of a host should have the same. */
      readonly configHash: string;
      /** Of its configuration file; absent in earlier versions of Rampart. */
      readonly fileHash?: string | undefined;
      /** The number in the ids of its records; absent in earlier versions. */
      readonly maker?: number | undefined;
    }
  | ConfigReport
  | ControlAsk
  /** The permits that a worker holds of one upstream, and its queue there. */
  | { readonly type: 'held'; readonly upstream: string; readonly report: WireReport }
  /** The tokens of rate limits that a worker asks for, for all subjects at once. */
  | { readonly type: 'tokens'; readonly asks: readonly TokenAsk[] }
  /** The places of clients that a worker asks for or gives back, for all clients at once. */
  | { readonly type: 'places'; readonly asks: readonly PlaceAsk[] }
  /** The process serves as a backend of the upstream at this origin; sent on each connection. */
  | { readonly type: 'announce'; readonly upstream: string; readonly origin: string }
  /** The process is about to end, and takes no new requests as a backend. */
  | { readonly type: 'withdraw' }
  | CacheReport
  /** Looks for a record at the worker that has made it. */
  | { readonly type: 'find-record'; readonly ask: RecordAsk }
  /** The answer of that worker, for the one that asked. */
  | { readonly type: 'record'; readonly asker: string; readonly number: number; readonly answer: RecordAnswer }
  | TraceMessage
  /** From the command line: keys have been created or revoked. */
  | { readonly type: 'keys-changed' }
  /** Only checks whether control reads its connection. */
  | { readonly type: 'ping' };

/** How a host stands in its fleet: without a lease so far, replaced by another process of its name, or neither. */
export type FleetStanding = 'new' | 'superseded' | 'member';

/** A message of control to a process. */
export type ControlMessage =
  /**
   * The backends of each upstream for which control leases permits: the first message to a worker, repeated when they
   * change. `configHash` is that of control's configuration.
   */
  | { readonly type: 'members'; readonly upstreams: BackendsByUpstream; readonly configHash: string }
  | { readonly type: 'backends'; readonly backends: readonly BackendState[] }
  | { readonly type: 'lease'; readonly upstream: string; readonly order: WireOrder }
  /**
   * When the lease of this host ends, in milliseconds of the machine's monotonic clock. From then on workers keep what they
   * fall back to of the upstreams that the hosts of a fleet share.
   */
  | { readonly type: 'lease-end'; readonly endsAt: number; readonly standing?: FleetStanding | undefined }
  /** The load of the other workers at an upstream; needs no answer. */
  | { readonly type: 'load'; readonly upstream: string; readonly load: HostLoad }
  | { readonly type: 'keys-changed' }
  /** The key of session tickets that all workers have, in Base64: with another one, nobody resumes a session of another worker. */
  | { readonly type: 'ticket-key'; readonly key: string }
  /** The tokens granted, in the order in which the worker asked, and how many hosts share the limits; undefined: one. */
  | { readonly type: 'tokens'; readonly grants: readonly TokenGrant[]; readonly hosts?: number | undefined }
  /** Places of clients, given or scarce. */
  | { readonly type: 'places'; readonly news: readonly PlaceNews[] }
  | CacheCommand
  /**
   * Until when a worker may use what it has stored, keys included, without asking; in milliseconds of the machine's monotonic clock.
   * Only on a host with VALKEY_URL, whose workers cannot hear of purges while Valkey or control is away. `news`: the worker was sent
   * orders for all news up to there.
   */
  | { readonly type: 'trust'; readonly until: number; readonly news?: NewsPosition | undefined }
  /** Another worker looks for a record of this one. */
  | { readonly type: 'find-record'; readonly asker: string; readonly ask: RecordAsk }
  /** What became of this worker's search. */
  | { readonly type: 'record'; readonly number: number; readonly answer: RecordAnswer }
  | ConfigOrder
  | ControlAnswer
  /** Control lives; sent twice a second, because a silent control counts as gone. */
  | { readonly type: 'heartbeat' }
  /** Send a report now. */
  | { readonly type: 'report' };

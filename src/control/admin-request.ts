import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import type { AdminAccess, AdminCaller } from './admin-access.ts';
import type { BatchOverview } from '../store/batches/batch-overview.ts';
import type { KeyStore } from '../store/keys.ts';
import type { Control } from './control.ts';
import type { LabRuns } from './lab-runs.ts';
import type { EventHub } from './see/event-hub.ts';
import type { LiveSource } from './see/live-source.ts';

/** What the endpoints work with. */
export interface AdminContext {
  readonly control: Control;
  readonly access: AdminAccess;
  readonly live: LiveSource;
  readonly events: EventHub;
  readonly clock: Clock;
  /** Undefined without a database. */
  readonly keys: KeyStore | undefined;
  readonly batches: BatchOverview | undefined;
  /** Undefined where no runs are started. */
  readonly runs: LabRuns | undefined;
}

/** One request to an endpoint. */
export interface AdminRequest extends AdminContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly caller: AdminCaller;
  /** The variable parts of the path, decoded, in their order. */
  readonly parts: readonly string[];
}

export interface AdminEndpoint {
  /** `*` stands for one part of the path. */
  readonly path: string;
  readonly methods: readonly string[];
  /** It takes requests that have proved nothing. */
  readonly isPublic?: boolean;
  readonly answer: (request: AdminRequest) => void | Promise<void>;
}

import type { FleetLease } from '../../policy/fleet/fleet-lease.ts';

/** What `GET /api/status` says of the host's lease in its fleet. */
export interface FleetStatus {
  readonly host: string;
  readonly state: ReturnType<FleetLease['state']>;
  readonly hosts: number;
  readonly incarnation: number;
  readonly lease_ends_in_ms: number;
  readonly problem: string | null;
  readonly backends: readonly {
    readonly upstream: string;
    readonly backend: string;
    readonly permits: number;
    readonly floor: number;
    readonly in_use: number;
    /** Requests of all hosts in flight there and waiting for it. */
    readonly wanted_by_all: number;
    readonly cap: number;
  }[];
}

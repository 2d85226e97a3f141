import type { FleetLeaseState } from '../../policy/fleet/fleet-lease.ts';

/** The lease of this host in its fleet, for `GET /api/status`. */
export interface FleetStatus {
  readonly host: string;
  readonly state: FleetLeaseState;
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

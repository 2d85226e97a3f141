import type { ConfigChange } from '../../config/changes.ts';
import type { AskedHost } from '../../policy/fleet/config-decision.ts';

/** Advice for a file that needs a restart. */
export const AT_RESTART =
  'rampart reload --fleet --at-restart makes the file the version of the fleet, which each host takes when it starts again';

/**
 * A host after a change for the whole fleet: `failed` has accepted it and cannot put it in force,
 * `late` has not said so yet, `at-restart` takes it when it starts again.
 */
export interface ChangedHost {
  readonly host: string;
  readonly state: AskedHost['state'] | 'in-force' | 'late' | 'failed' | 'at-restart';
  readonly problems: readonly string[];
}

/**
 * `no-fleet`: asked for in a wrong way. `file`: this host cannot use it. `busy`: another change is under way. `hosts`: a host has refused it
 * or is silent. `stores`: Valkey or PostgreSQL fails. `unknown`: PostgreSQL failed while it decided.
 */
export type FleetRefusal = 'no-fleet' | 'file' | 'busy' | 'hosts' | 'stores' | 'unknown';

/** What became of a change for all hosts. */
export interface FleetReloadResult {
  readonly outcome: 'applied' | 'unchanged' | 'checked' | 'refused';
  readonly reason?: FleetRefusal;
  /** The version of the fleet in force, as far as it is known; null: none. */
  readonly version: number | null;
  readonly hosts: readonly ChangedHost[];
  /** On the host that was asked. */
  readonly changes: readonly ConfigChange[];
  readonly problems: readonly string[];
  readonly remarks: readonly string[];
}

import type { ConfigChange } from '../../config/changes.ts';
import type { ConfigVersion } from '../../protocol/config-wire.ts';

export interface ChangeRequest {
  readonly who: string;
  readonly why?: string;
  /** Only say what would change. */
  readonly dryRun?: boolean | undefined;
  /** With `dryRun`: have every worker build the version, too. */
  readonly trial?: boolean | undefined;
  /** Make changes that a guard holds back. */
  readonly force?: boolean | undefined;
  /** With `trial`: accept changes that need a restart, as far as they can be checked before it. */
  readonly atRestart?: boolean | undefined;
  /** By the admin API: whether the change survives a restart of control. */
  readonly persist?: boolean | undefined;
  /** The version that the change is based on, as an ETag; undefined: whichever is in force. */
  readonly ifMatch?: string | undefined;
}

export type ReloadOutcome = 'applied' | 'unchanged' | 'checked' | 'refused';
export type ReloadRefusal = 'invalid' | 'guarded' | 'restart-needed' | 'workers' | 'storage' | 'stale' | 'not-found';

/** What became of a change. */
export interface ReloadResult extends ConfigVersion {
  readonly outcome: ReloadOutcome;
  readonly reason?: ReloadRefusal;
  readonly changes: readonly ConfigChange[];
  /** Everything that is wrong, if it was refused. */
  readonly problems: readonly string[];
  readonly remarks: readonly string[];
}

/** How a configuration of this host, given by the hash of its file, relates to the version of the fleet. */
export interface FleetTies {
  /** How it departs from the version in force, as a sentence; undefined if it does not. */
  departure(hash: string): string | undefined;
  /** Advice for a change that needs a restart, where the restart alone is not enough. */
  restartAdvice(hash: string): string | undefined;
}

/** The ETag of a version of the configuration. */
export const etagOf = ({ number, hash }: ConfigVersion): string => `"${number}-${hash.slice(0, 16)}"`;

/** Whether a change that was based on `ifMatch` may be made while this version is in force. */
export function isCurrent(ifMatch: string | undefined, version: ConfigVersion): boolean {
  if (ifMatch === undefined || ifMatch.trim() === '*') return true;
  return ifMatch.split(',').some((tag) => tag.trim() === etagOf(version));
}

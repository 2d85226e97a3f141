import type { ById } from './lease-wire.ts';

/** A version of the configuration: its number on this host, and SHA-256 of its canonical JSON. */
export interface ConfigVersion {
  readonly number: number;
  readonly hash: string;
}

/** Control's half of a change of the configuration, and how a worker learns the version that is in force. */
export type ConfigOrder =
  /** Build the version; it is not in force yet. Answered by `config-prepared`. */
  | { readonly type: 'config-prepare'; readonly version: ConfigVersion; readonly file: unknown }
  /** Every worker can use it: it is in force. Answered by `config-committed`. */
  | { readonly type: 'config-commit'; readonly version: ConfigVersion }
  /** A worker cannot use it, so nothing changes. */
  | { readonly type: 'config-abandon'; readonly version: ConfigVersion }
  /** The version in force, for a worker that has connected; with the file if the worker has another one. */
  | { readonly type: 'config'; readonly version: ConfigVersion; readonly file?: unknown };

/** A worker's half. */
export type ConfigReport =
  /** With no problem, the worker can use the version. */
  | { readonly type: 'config-prepared'; readonly version: ConfigVersion; readonly problems: readonly string[] }
  /** The version is in force. `held`: the permits that the worker holds, by upstream. */
  | {
      readonly type: 'config-committed';
      readonly version: ConfigVersion;
      /** Of the whole configuration, with what the environment adds. */
      readonly configHash: string;
      readonly held: Readonly<Record<string, ById>>;
    };

/** What a command of the same user asks control over its socket. */
export interface ControlAsk {
  readonly type: 'ask';
  readonly what: 'status' | 'view' | 'slo' | 'reload' | 'reload-fleet' | 'fleet-config';
  readonly dryRun?: boolean | undefined;
  readonly force?: boolean | undefined;
  /** Of `reload-fleet`. */
  readonly atRestart?: boolean | undefined;
  readonly who?: string | undefined;
}

/** Control's answer to an ask. */
export interface ControlAnswer {
  readonly type: 'answer';
  readonly result: unknown;
}

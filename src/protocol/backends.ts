/** One backend: an origin, and a name that metrics and logs use. */
export interface BackendConfig {
  readonly id: string;
  readonly origin: string;
  /** Used only while no other backend of the upstream is up. */
  readonly isBackup?: boolean | undefined;
}

/** The backends of each upstream. */
export type BackendsByUpstream = Readonly<Record<string, readonly BackendConfig[]>>;

/** Whether a backend is up, as control reports it to workers. */
export interface BackendState {
  readonly upstream: string;
  readonly backend: string;
  readonly up: boolean;
}

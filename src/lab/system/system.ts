import type { WatchedProcess } from './process-watch.ts';

/** What is measured: a Rampart that the lab started, or a service that somebody runs. */
export interface System {
  readonly name: string;
  readonly url: string;
  /** Empty where it needs none. */
  readonly key: string;
  /** Whether its certificate is left unverified. */
  readonly insecure?: boolean;
  /** What it was started with; empty for one that somebody runs. */
  readonly settings: Readonly<Record<string, string>>;
  /** Its processes; none where they cannot be known. */
  processes(): Promise<readonly WatchedProcess[]>;
  /** Its metrics as text; undefined where they cannot be read. */
  metrics(): Promise<string | undefined>;
  /** Ends it, if the lab started it, and removes what it left. Stopping twice does nothing. */
  stop(): Promise<void>;
}

/** What somebody runs, of which only its public address is known. */
export function runningSystem(url: string, key: string, insecure = false): System {
  return {
    name: new URL(url).host,
    url: new URL(url).origin,
    key,
    insecure,
    settings: {},
    processes: async () => [],
    metrics: async () => undefined,
    stop: async () => {},
  };
}

import { isOnThisMachine, processesBehind } from './local-target.ts';
import type { WatchedProcess } from './process-watch.ts';

/** A measured system: a Rampart that the lab started, or a service that runs already. */
export interface System {
  readonly name: string;
  /** Whether the lab has started it; so it is where it is missing. */
  readonly isOwn?: boolean;
  readonly url: string;
  /** Empty where it needs none. */
  readonly key: string;
  /** Whether its certificate is left unverified. */
  readonly insecure?: boolean;
  /** Version and Node, from its admin API; undefined where that was not asked. */
  readonly about?: { readonly version: string; readonly node: string };
  /** The settings of its start; empty for a service that runs already. */
  readonly settings: Readonly<Record<string, string>>;
  /** The processes of the system; none if they cannot be known. */
  processes(): Promise<readonly WatchedProcess[]>;
  /** The metrics of the system as text; undefined if they cannot be read. */
  metrics(): Promise<string | undefined>;
  /** Ends it, if the lab started it, and removes what it left. Stopping twice does nothing. */
  stop(): Promise<void>;
}

/** A service that runs already: its public address is known, and its processes are if they are on this machine. */
export function runningSystem(url: string, key: string, insecure = false): System {
  const { host, origin, port, protocol } = new URL(url);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  const isHere = isOnThisMachine(url);
  return {
    name: host,
    url: origin,
    key,
    insecure,
    settings: {},
    isOwn: false,
    processes: async () => (isHere ? processesBehind(number) : []),
    metrics: async () => undefined,
    stop: async () => {},
  };
}

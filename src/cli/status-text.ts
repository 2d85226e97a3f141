import type { ProcessRecord } from '../supervisor/process-records.ts';

interface ShownMember {
  readonly role: string;
  readonly instance: number;
  readonly pid: number;
  readonly uptime_seconds: number;
}

/** The part of `GET /api/status` that `rampart status` shows. */
export interface ShownStatus {
  readonly version: string;
  readonly control: { readonly pid: number; readonly uptime_seconds: number };
  readonly config: {
    readonly version: number;
    readonly version_hash: string;
    readonly agreed: boolean;
    readonly since: string;
    readonly last_reload: { readonly at: string; readonly who: string; readonly outcome: string } | null;
  };
  readonly workers: readonly (ShownMember & { readonly config_version?: number | null | undefined })[];
  readonly processes: readonly ShownMember[];
  readonly backends: readonly {
    readonly upstream: string;
    readonly backend: string;
    readonly origin: string;
    /** Null for a backend that is not checked. */
    readonly up: boolean | null;
    readonly problem?: string | undefined;
    readonly cap?: number | undefined;
    readonly leased?: number | undefined;
  }[];
  /** The upstreams whose backends are all drained; absent in earlier versions. */
  readonly drained_upstreams?: readonly string[] | undefined;
  /** The upstreams whose backends are in DNS; absent in earlier versions. */
  readonly discovery?: readonly ShownDiscovery[] | undefined;
}

interface ShownDiscovery {
  readonly upstream: string;
  readonly name: string;
  readonly backends: number;
  readonly problem: string | null;
}

export interface HostVerdict {
  readonly state: 'well' | 'degraded' | 'down';
  readonly why: string;
}

/** How the host does, and the first reason why it does not do well. */
export function hostVerdict(shown: ShownStatus): HostVerdict {
  const { workers, backends, config, discovery = [], drained_upstreams: drained = [] } = shown;
  if (workers.length === 0) return { state: 'down', why: 'no worker is connected to control' };
  const byUpstream = Map.groupBy(backends, ({ upstream }) => upstream);
  for (const [upstream, all] of byUpstream) {
    if (all.every(({ up }) => up === false)) return { state: 'down', why: `no backend of upstream ${upstream} is up` };
  }
  if (drained[0] !== undefined)
    return { state: 'down', why: `upstream ${drained.join(', ')} takes no requests: its backends are all drained` };
  const empty = discovery.find((one) => one.backends === 0);
  if (empty !== undefined)
    return {
      state: 'down',
      why: `upstream ${empty.upstream} has no backend: ${empty.problem ?? 'DNS has not answered yet'}`,
    };
  const down = backends.filter(({ up }) => up === false);
  if (down.length > 0) {
    const names = down.map(({ upstream, backend }) => `${upstream}/${backend}`).join(', ');
    return { state: 'degraded', why: `down: ${names}` };
  }
  const stale = discovery.find(({ problem }) => problem !== null);
  if (stale !== undefined)
    return {
      state: 'degraded',
      why: `the name ${stale.name} of upstream ${stale.upstream} cannot be looked up: ${stale.problem}`,
    };
  if (!config.agreed) return { state: 'degraded', why: 'not all workers have the configuration of control' };
  return { state: 'well', why: '' };
}

/** The text of `rampart status`. */
export function statusText(shown: ShownStatus, dataDir: string, records: readonly ProcessRecord[]): string {
  const { version, control, config, workers, processes, backends } = shown;
  const { state, why } = hostVerdict(shown);
  const supervisor = records.find(({ role }) => role === 'supervisor');
  const last = config.last_reload;
  const rows = [
    ...(supervisor === undefined ? [] : [['supervisor', String(supervisor.pid), '', '']]),
    ['control', String(control.pid), duration(control.uptime_seconds), `configuration ${config.version}`],
    ...workers.map((one) => [
      `gateway ${one.instance}`,
      String(one.pid),
      duration(one.uptime_seconds),
      `configuration ${one.config_version ?? 'unknown'}`,
    ]),
    ...processes
      .filter(({ role }) => role !== 'control')
      .map((one) => [`${one.role} ${one.instance}`, String(one.pid), duration(one.uptime_seconds), '']),
  ];
  const reload = last === null ? '' : `; last change ${last.outcome} at ${last.at} by ${last.who}`;
  return [
    `Rampart ${version} in ${dataDir}: ${state}${why === '' ? '' : ` (${why})`}`,
    `configuration version ${config.version} (${config.version_hash.slice(0, 12)}) since ${config.since}${reload}`,
    '',
    ...table([['process', 'pid', 'up for', ''], ...rows]),
    '',
    ...table([
      ['upstream', 'backend', 'state', 'leased / cap'],
      ...backends.map(({ upstream, backend, up, problem, leased = 0, cap = 0 }) => [
        upstream,
        backend,
        `${up === null ? 'not checked' : up ? 'up' : 'DOWN'}${up === false && problem !== undefined ? ` (${problem})` : ''}`,
        `${leased} / ${cap}`,
      ]),
    ]),
    '',
  ].join('\n');
}

/** Columns as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

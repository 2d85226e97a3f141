import { alignedLines } from './aligned-lines.ts';
import { linesText } from './terminal-text.ts';
import { age } from './top/text.ts';
import type { ProcessRecord } from '../supervisor/process-records.ts';

interface ShownMember {
  readonly role: string;
  readonly instance: number;
  readonly pid: number;
  readonly uptime_seconds: number;
}

interface ShownFinding {
  readonly state: 'well' | 'degraded' | 'overloaded' | 'down';
  readonly cause: string;
  readonly cause_id: string;
  readonly next: string;
}

interface SharedCap {
  readonly upstream: string;
  readonly backend: string;
  readonly cap: number;
}

/** The part of `GET /api/status` that `rampart status` shows. */
export interface ShownStatus {
  readonly version: string;
  readonly verdict: ShownFinding & { readonly since: string; readonly others: readonly ShownFinding[] };
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
  /** The backends whose cap counts over all hosts. */
  readonly fleet?: { readonly backends: readonly SharedCap[] } | null | undefined;
  readonly fleet_config?: { readonly version: number | null; readonly departs: boolean } | null | undefined;
}

/** The text of `rampart status`. */
export function statusText(shown: ShownStatus, dataDir: string, records: readonly ProcessRecord[]): string {
  const { version, verdict, control, config, workers, processes, backends } = shown;
  const supervisor = records.find(({ role }) => role === 'supervisor');
  const last = config.last_reload;
  const rows = [
    ...(supervisor === undefined ? [] : [['supervisor', String(supervisor.pid), '', '']]),
    ['control', String(control.pid), age(control.uptime_seconds * 1000), `configuration ${config.version}`],
    ...workers.map((one) => [
      `gateway ${one.instance}`,
      String(one.pid),
      age(one.uptime_seconds * 1000),
      `configuration ${one.config_version ?? 'unknown'}`,
    ]),
    ...processes
      .filter(({ role }) => role !== 'control')
      .map((one) => [`${one.role} ${one.instance}`, String(one.pid), age(one.uptime_seconds * 1000), '']),
  ];
  const reload = last === null ? '' : `; last change ${last.outcome} at ${last.at} by ${last.who}`;
  return linesText([
    ...verdictLines(verdict),
    '',
    `Rampart ${version} in ${dataDir}`,
    `configuration version ${config.version} (${config.version_hash.slice(0, 12)}) since ${config.since}${fleetVersionText(shown.fleet_config)}${reload}`,
    '',
    ...alignedLines([['process', 'pid', 'up for', ''], ...rows]),
    '',
    ...alignedLines([
      ['upstream', 'backend', 'state', 'leased / cap'],
      ...backends.map(({ upstream, backend, up, problem, leased = 0, cap = 0 }) => [
        upstream,
        backend,
        `${up === null ? 'not checked' : up ? 'up' : 'DOWN'}${up === false && problem !== undefined ? ` (${problem})` : ''}`,
        `${leased} / ${cap}${sharedCapText(shown.fleet?.backends, upstream, backend)}`,
      ]),
    ]),
  ]);
}

/** Which version of its fleet a host has. */
function fleetVersionText(known: ShownStatus['fleet_config']): string {
  const { version = null, departs } = known ?? {};
  if (version === null) return '';
  return departs ? `, which departs from version ${version} of the fleet` : `, version ${version} of the fleet`;
}

/** The cap over all hosts, beside the permits that this one may use. */
function sharedCapText(shared: readonly SharedCap[] = [], upstream: string, backend: string): string {
  const found = shared.find((one) => one.upstream === upstream && one.backend === backend);
  return found === undefined ? '' : ` of the ${found.cap} of all hosts`;
}

const symbols = { well: '●', degraded: '▲', overloaded: '■', down: '✖' } as const;

/** The verdict in words, then what else there is to say. */
function verdictLines({ state, since, cause, next, cause_id: causeId, others }: ShownStatus['verdict']): string[] {
  return [
    `${symbols[state]} ${state} since ${since}: ${cause}`,
    ...(causeId === 'none' ? [] : [`  next: ${next} (docs/runbook.md#${causeId})`]),
    ...others.map((other) => `  also ${other.state}: ${other.cause}`),
  ];
}

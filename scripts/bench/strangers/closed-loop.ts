import { median } from '../../../src/lab/statistics/quantile.ts';
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ensurePrograms } from '../../test-tools.ts';
import { writeTable } from '../../write-table.ts';
import { end, type Gateway, haproxyBinary, portsFor, startHaproxy, startRampart } from './gateways.ts';
import { type ClosedLoopResult, wrk } from './wrk.ts';

const BACKENDS = 2;
/**
 * Requests in flight at one backend, unless --cap says otherwise: as many as a generator has, and as many as let the gateways
 * be the limit.
 */
const CAPS = [4, 50];
const FACTORS = [0.5, 1, 1.3, 2, 8];
const BUSY_LOOPS = 4;
/** Each gateway is measured so often with each load, in turns; the table shows the medians. */
const ROUNDS = 3;
const SECONDS = 4;
const services = [
  { name: '1 ms of processor', kind: 'processor', ms: 1 },
  { name: '5 ms of timer', kind: 'timer', ms: 5 },
  { name: '55 ms of timer', kind: 'timer', ms: 55 },
] as const;

interface Row {
  readonly service: string;
  readonly permits: number;
  readonly machine: string;
  readonly factor: number;
  readonly gateway: string;
  readonly runs: readonly ClosedLoopResult[];
}

/** `bench:strangers closed`: clients that never wait, at half to eight times the permits. */
export async function closedLoop(args: readonly string[]): Promise<void> {
  ensurePrograms([
    { program: haproxyBinary, debianPackage: 'haproxy' },
    { program: '/usr/bin/wrk', debianPackage: 'wrk' },
  ]);
  const option = (name: string): string | undefined =>
    args.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);
  const rounds = Number(option('rounds') ?? ROUNDS);
  const seconds = Number(option('seconds') ?? SECONDS);
  const factors = option('factors')?.split(',').map(Number) ?? FACTORS;
  const only = option('service');
  const caps = option('cap')?.split(',').map(Number) ?? CAPS;
  const rows: Row[] = [];
  for (const service of services) {
    if (only !== undefined && !service.name.startsWith(only)) continue;
    for (const cap of caps) {
      rows.push(...(await measure(service, { cap, factors, rounds, seconds, machines: option('machines') })));
    }
  }
  console.log(`\n${table(rows)}`);
  if (args.includes('--write')) writeTable('overload.md', 'closed loop', table(rows));
}

async function measure(
  service: (typeof services)[number],
  options: { cap: number; factors: readonly number[]; rounds: number; seconds: number; machines: string | undefined },
): Promise<Row[]> {
  const backendPorts = await portsFor(BACKENDS);
  const backends = await Promise.all(backendPorts.map((port) => startBackend(port, service)));
  const gateways: Gateway[] = [];
  const rows: Row[] = [];
  try {
    const { cap } = options;
    const behind = { backendPorts, cap };
    gateways.push(await startRampart(behind), await startHaproxy(behind));
    for (const gateway of gateways) await wrk(`${gateway.origin}/app/x`, BACKENDS * cap, { seconds: 2 });
    for (const machine of ['quiet', 'busy']) {
      if (options.machines !== undefined && options.machines !== machine) continue;
      for (const factor of options.factors) {
        const busy = machine === 'busy' ? startBusyLoops() : [];
        try {
          rows.push(
            ...(await alternate(
              gateways,
              { service: service.name, permits: BACKENDS * cap, machine, factor },
              options,
            )),
          );
        } finally {
          await Promise.all(busy.map(end));
        }
      }
    }
  } finally {
    for (const gateway of gateways) await gateway.stop();
    await Promise.all(backends.map(end));
  }
  return rows;
}

/** The gateways in turns, so that what the machine does meanwhile meets them alike. */
async function alternate(
  gateways: readonly Gateway[],
  row: Omit<Row, 'gateway' | 'runs'>,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Row[]> {
  const runs = gateways.map((): ClosedLoopResult[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { origin }] of gateways.entries()) {
      runs[index]?.push(await wrk(`${origin}/app/x`, Math.round(row.factor * row.permits), { seconds }));
    }
  }
  const rows = gateways.map(({ name }, index) => ({ ...row, gateway: name, runs: runs[index] ?? [] }));
  for (const found of rows) console.log(line(found));
  return rows;
}

async function startBackend(port: number, { kind, ms }: (typeof services)[number]): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('steady-backend.ts', import.meta.url)), [String(port), kind, String(ms)]);
  await once(child, 'message');
  return child;
}

/** They end by themselves after a minute, whatever happens here. */
function startBusyLoops(): ChildProcess[] {
  const source = 'const end = Date.now() + 60_000; while (Date.now() < end);';
  return Array.from({ length: BUSY_LOOPS }, () => spawn(process.execPath, ['-e', source], { stdio: 'ignore' }));
}

const HEAD = `| service | permits | machine | clients, of the permits | gateway | goodput | refused |
|---|---:|---|---:|---|---:|---:|`;

function line({ service, permits, machine, factor, gateway, runs }: Row): string {
  const goodput = median(runs.map((run) => run.goodput));
  const spread = runs.length < 2 ? '' : ` (${spreadOf(runs.map((run) => run.goodput))})`;
  const refused = median(runs.map((run) => run.refused));
  return `| ${service} | ${permits} | ${machine} | ${factor}× | ${gateway} | ${goodput.toFixed(0)}/s${spread} | ${(refused * 100).toFixed(1)} % |`;
}

const spreadOf = (values: readonly number[]): string =>
  `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)}`;

const table = (rows: readonly Row[]): string => [HEAD, ...rows.map(line)].join('\n');

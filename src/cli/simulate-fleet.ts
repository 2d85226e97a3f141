import { writeFile } from 'node:fs/promises';
import { quarantineMsOf } from '../control/fleet/quarantine.ts';
import { systemClock } from '../core/clock.ts';
import { barTable, fleetReport, planText } from '../lab/report/fleet-report.ts';
import type { FleetExperimentName, FleetResult } from '../lab/simulator/fleet/fleet-bar.ts';
import { fleetExperiments } from '../lab/simulator/fleet/fleet-experiments.ts';
import { type FleetPlan, fleetPlan, MEAN_SERVICE_MS } from '../lab/simulator/fleet/fleet-plan.ts';
import { alignedLines } from './aligned-lines.ts';
import { type CommandIo, exitCodes } from './io.ts';
import type { Options } from './options.ts';

const DEFAULT_SECONDS = 60;

/** The options of `rampart simulate --fleet` alone. */
export const fleetOptions = ['hosts', 'rate', 'cap', 'service-ms', 'floor', 'seconds', 'only', 'out'] as const;

/** `rampart simulate --fleet`: the leases of many hosts, with production's policies. */
export async function simulateFleetLeases(options: Options, io: CommandIo): Promise<number> {
  const plan = readPlan(options);
  const seconds = options.whole('seconds', DEFAULT_SECONDS, 2, 3600);
  const names = options.listOf('only', experimentNames, experimentNames);
  const out = options.newFile('out', io.folder);
  options.check();
  const startedAt = systemClock.now();
  const results = names.map((name) => {
    if (!options.flag('json')) io.stderr.write(`${name} …\n`);
    return fleetExperiments[name](plan, seconds);
  });
  const elapsedMs = systemClock.now() - startedAt;
  if (out !== undefined) await writeFile(out, fleetReport(results, plan));
  if (options.flag('json')) io.stdout.write(`${JSON.stringify({ plan, elapsedMs, results })}\n`);
  else io.stdout.write(`${text(results, plan)}\n\nSimulated in ${(elapsedMs / 1000).toFixed(1)} s\n`);
  return results.every(({ bars }) => bars.every(({ passed }) => passed)) ? exitCodes.ok : exitCodes.failed;
}

const experimentNames = Object.keys(fleetExperiments) as FleetExperimentName[];

function readPlan(options: Options): FleetPlan {
  const hosts = options.whole('hosts', 625, 2, 5000);
  const meanServiceMs = options.number('service-ms', MEAN_SERVICE_MS, 2, 10_000);
  const rate = options.number('rate', fleetPlan({ hosts }).rate, 1, 50_000_000);
  const byDefault = fleetPlan({ hosts, meanServiceMs, rate });
  return {
    ...byDefault,
    workers: options.whole('workers', byDefault.workers, 1, 256),
    cap: options.whole('cap', byDefault.cap, 1, 10_000_000),
    floor: options.number('floor', byDefault.floor, 0, 1),
    seed: options.whole('seed', 1, 0, 999_999_999),
    // As control of a host has it in the mode `prompt`.
    quarantineMs: quarantineMsOf({ maxDurationMs: undefined }, meanServiceMs),
  };
}

function text(results: readonly FleetResult[], plan: FleetPlan): string {
  const rows = barTable(results).rows.map(([experiment = '', figure = '', promised = '', got = '', verdict = '']) => [
    experiment,
    figure,
    got,
    promised,
    verdict,
  ]);
  return `${planText(plan)}, seed ${plan.seed}\n\n${alignedLines([['', 'figure', 'simulated', 'promised', ''], ...rows]).join('\n')}`;
}

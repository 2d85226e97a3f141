import { writeFile } from 'node:fs/promises';
import { systemClock } from '../core/clock.ts';
import { fleetExperiments } from '../lab/simulator/fleet/fleet-experiments.ts';
import { compareBalancers, type BalancerComparison } from '../lab/simulator/comparison.ts';
import { plot } from '../lab/simulator/plot.ts';
import { capacityPerSecond, type Scenario, type ScenarioName, scenarios } from '../lab/simulator/scenario.ts';
import { type LawName, lawNames } from '../lab/simulator/service-law.ts';
import { comparisonTable } from '../lab/simulator/table.ts';
import { type BalancerName, balancerNames } from '../policy/balance/balancer.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { type Options, readOptions } from './options.ts';
import { fleetOptions, simulateFleetLeases } from './simulate-fleet.ts';

const help = `usage: rampart simulate [options]

Runs a fleet of gateways and backends in simulated time, with the balancers and the queues of production, and prints
latency and errors for every balancer under every load. Equal seeds give equal figures.

  --scenario NAME      ${Object.keys(scenarios).join(', ')} (prequal); the other options change it
  --balancers A,B      balancers: ${balancerNames.join(', ')} (all)
  --gateways N         number of gateways
  --workers N          workers of each gateway; each has its own view of the backends
  --backends N         number of backends
  --requests N         requests in each run (100000)
  --load 0.7,0.9,1.1   arrivals as shares of the capacity (0.7,0.8,0.9,1,1.1)
  --law NAME           service times: ${lawNames.join(', ')}
  --slow N             backends that run at a tenth of their speed
  --failing N          backends that answer every request with an error at once
  --hanging N          backends that never answer
  --seed N             seed of all randomness (1)
  --json               print the figures as JSON
  --svg FILE           write a plot of the figures

With --fleet it simulates the leases by which many hosts share one cap through a Valkey: how much of the cap is in use, how soon permits
follow demand, and what faults cost. Exit code 1: a figure misses what is promised. docs/fleet-simulation.md shows the figures.

  --hosts N            hosts (625)
  --workers N          workers of each host (16)
  --rate N             requests a second of all hosts together (1600 for each host)
  --cap N              requests in flight at the backend (four fifths of what the rate would have in flight)
  --service-ms N       mean service time (20)
  --floor N            part of the cap that hosts keep while they are cut off (0.5)
  --seconds N          length of the experiments contention and shifts (60)
  --only A,B           experiments: ${Object.keys(fleetExperiments).join(', ')} (all)
  --seed N             seed of all randomness (1)
  --json               print the figures as JSON
  --out FILE           write a page with tables and pictures
`;

const optionKinds = {
  scenario: 'value',
  balancers: 'value',
  gateways: 'value',
  workers: 'value',
  backends: 'value',
  requests: 'value',
  load: 'value',
  law: 'value',
  slow: 'value',
  failing: 'value',
  hanging: 'value',
  seed: 'value',
  json: 'flag',
  svg: 'value',
  fleet: 'flag',
  hosts: 'value',
  rate: 'value',
  cap: 'value',
  'service-ms': 'value',
  floor: 'value',
  seconds: 'value',
  only: 'value',
  out: 'value',
} as const;

const ofBoth = new Set(['workers', 'seed', 'json', 'fleet']);

/** `rampart simulate`. */
export async function simulate(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'simulate', help, options: optionKinds }, args, io);
  if (options === undefined) return exitCodes.ok;
  const isFleet = options.flag('fleet');
  for (const name of Object.keys(optionKinds)) {
    const isOfFleet = fleetOptions.some((one) => one === name);
    if (!options.has(name) || ofBoth.has(name) || isOfFleet === isFleet) continue;
    options.problem(`--${name} ${isFleet ? 'cannot stand beside' : 'needs'} --fleet`);
  }
  if (isFleet) return simulateFleetLeases(options, io);
  const { comparison, name, svg } = readComparison(options, io);
  const startedAt = systemClock.now();
  const rows = compareBalancers(comparison);
  const elapsedMs = systemClock.now() - startedAt;
  const { scenario, requests, seed } = comparison;
  const fleet = `${name}: ${scenario.gateways} x ${scenario.workers} workers, ${scenario.backends} backends, ${capacityPerSecond(scenario).toFixed(0)} requests/s`;
  if (svg !== undefined) await writeFile(svg, plot(fleet, rows));
  if (options.flag('json')) {
    io.stdout.write(`${JSON.stringify({ scenario: name, fleet: scenario, requests, seed, elapsedMs, rows })}\n`);
    return exitCodes.ok;
  }
  const total = rows.length * requests;
  const speed = `${total} requests simulated in ${(elapsedMs / 1000).toFixed(1)} s`;
  io.stdout.write(`${fleet}, ${scenario.law}, seed ${seed}\n\n${comparisonTable(rows)}\n\n${speed}\n`);
  return exitCodes.ok;
}

function readComparison(
  options: Options,
  io: CommandIo,
): { comparison: BalancerComparison; name: ScenarioName; svg: string | undefined } {
  const name = options.oneOf('scenario', 'prequal', Object.keys(scenarios) as ScenarioName[]);
  const law = options.oneOf<LawName>('law', scenarios[name].law, lawNames);
  const comparison = {
    scenario: { ...changedScenario(scenarios[name], options), law },
    balancers: options.listOf<BalancerName>('balancers', balancerNames, balancerNames),
    loads: loadsOf(options.text('load') ?? '0.7,0.8,0.9,1,1.1', options),
    requests: options.whole('requests', 100_000, 10, 100_000_000),
    seed: options.whole('seed', 1, 0, 999_999_999),
  };
  const svg = options.newFile('svg', io.folder);
  options.check();
  return { comparison, name, svg };
}

function changedScenario(base: Scenario, options: Options): Scenario {
  const scenario = {
    ...base,
    gateways: options.whole('gateways', base.gateways, 1, 10_000),
    workers: options.whole('workers', base.workers, 1, 256),
    backends: options.whole('backends', base.backends, 1, 100_000),
    slow: options.whole('slow', base.slow, 0, 100_000),
    failing: options.whole('failing', base.failing, 0, 100_000),
    hanging: options.whole('hanging', base.hanging, 0, 100_000),
  };
  const { slow, failing, hanging, backends } = scenario;
  if (slow + failing + hanging > backends || failing + hanging === backends) {
    options.problem(
      `--slow, --failing and --hanging must leave a backend that serves: got ${slow} + ${failing} + ${hanging} of ${backends}`,
    );
  }
  return scenario;
}

function loadsOf(text: string, options: Options): number[] {
  return text.split(',').map((each) => {
    const load = each.trim() === '' ? Number.NaN : Number(each);
    if (load > 0 && load <= 10) return load;
    options.problem(`--load must be numbers above 0, at most 10: got '${each}'`);
    return 1;
  });
}

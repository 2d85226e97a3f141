import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../core/clock.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { compare, type Comparison } from '../lab/simulator/comparison.ts';
import { plot } from '../lab/simulator/plot.ts';
import { capacityPerSecond, type Scenario, type ScenarioName, scenarios } from '../lab/simulator/scenario.ts';
import { type LawName, lawNames } from '../lab/simulator/service-law.ts';
import { textTable } from '../lab/simulator/table.ts';
import { type BalancerName, balancerNames } from '../policy/balance/balancer.ts';
import { askedForHelp } from './help.ts';
import { type CommandIo, exitCodes } from './io.ts';

const help = `usage: rampart simulate [options]

Runs a fleet of gateways and backends in simulated time, with the balancers and the queues of production, and prints
latency and errors for every balancer under every load. Equal seeds give equal figures.

  --scenario NAME      ${Object.keys(scenarios).join(', ')} (prequal); what follows changes it
  --balancers A,B      of ${balancerNames.join(', ')} (all)
  --gateways N         gateways
  --workers N          workers in each, with a view of their own
  --backends N         backends
  --requests N         requests in each run (100000)
  --load 0.7,0.9,1.1   arrivals as shares of the capacity (0.7,0.8,0.9,1,1.1)
  --law NAME           service times: ${lawNames.join(', ')}
  --slow N             backends at a tenth of their speed
  --failing N          backends that answer every request with an error at once
  --hanging N          backends that never answer
  --seed N             of all chance (1)
  --json               the figures as JSON
  --svg FILE           a picture of them
`;

const options = {
  scenario: { type: 'string' },
  balancers: { type: 'string' },
  gateways: { type: 'string' },
  workers: { type: 'string' },
  backends: { type: 'string' },
  requests: { type: 'string' },
  load: { type: 'string' },
  law: { type: 'string' },
  slow: { type: 'string' },
  failing: { type: 'string' },
  hanging: { type: 'string' },
  seed: { type: 'string' },
  json: { type: 'boolean' },
  svg: { type: 'string' },
} as const;

/** `rampart simulate`. */
export async function simulate(args: string[], io: CommandIo): Promise<number> {
  if (askedForHelp(args, io, { help, known: args })) return exitCodes.ok;
  const { comparison, name, json, svg } = readArguments(args);
  const startedAt = systemClock.now();
  const rows = compare(comparison);
  const elapsedMs = systemClock.now() - startedAt;
  const { scenario, requests, seed } = comparison;
  const fleet = `${name}: ${scenario.gateways} x ${scenario.workers} workers, ${scenario.backends} backends, ${capacityPerSecond(scenario).toFixed(0)} requests/s`;
  if (svg !== undefined) await writeFile(resolve(io.folder, svg), plot(fleet, rows));
  if (json) {
    io.stdout.write(`${JSON.stringify({ scenario: name, fleet: scenario, requests, seed, elapsedMs, rows })}\n`);
    return exitCodes.ok;
  }
  const total = rows.length * requests;
  const speed = `${total} requests simulated in ${(elapsedMs / 1000).toFixed(1)} s`;
  io.stdout.write(`${fleet}, ${scenario.law}, seed ${seed}\n\n${textTable(rows)}\n\n${speed}\n`);
  return exitCodes.ok;
}

interface Arguments {
  readonly comparison: Comparison;
  readonly name: ScenarioName;
  readonly json: boolean;
  readonly svg: string | undefined;
}

/** Every problem at once, as for the configuration. */
function readArguments(args: string[]): Arguments {
  let values;
  try {
    ({ values } = parseArgs({ args, options, strict: true }));
  } catch (error) {
    throw new UsageError(`Cannot simulate: ${messageOf(error)}`);
  }
  const problems: string[] = [];
  const number = numberReader(values, problems);
  const name = oneOf('scenario', values.scenario ?? 'prequal', Object.keys(scenarios) as ScenarioName[], problems);
  const law = oneOf<LawName>('law', values.law ?? scenarios[name].law, lawNames, problems);
  const comparison = {
    scenario: { ...changedScenario(scenarios[name], number, problems), law },
    balancers: listOf<BalancerName>('balancers', values.balancers, balancerNames, problems),
    loads: loadsOf(values.load ?? '0.7,0.8,0.9,1,1.1', problems),
    requests: number('requests', 100_000, 10, 100_000_000),
    seed: number('seed', 1, 0, 999_999_999),
  };
  if (problems.length > 0) throw new UsageError('Cannot simulate, as an option is wrong:', problems);
  return { comparison, name, json: values.json ?? false, svg: values.svg };
}

type NumberReader = (name: string, byDefault: number, least: number, most: number) => number;

function changedScenario(base: Scenario, number: NumberReader, problems: string[]): Scenario {
  const scenario = {
    ...base,
    gateways: number('gateways', base.gateways, 1, 10_000),
    workers: number('workers', base.workers, 1, 256),
    backends: number('backends', base.backends, 1, 100_000),
    slow: number('slow', base.slow, 0, 100_000),
    failing: number('failing', base.failing, 0, 100_000),
    hanging: number('hanging', base.hanging, 0, 100_000),
  };
  const { slow, failing, hanging, backends } = scenario;
  if (slow + failing + hanging > backends || failing + hanging === backends) {
    problems.push(
      `--slow, --failing and --hanging must leave a backend that serves: got ${slow} + ${failing} + ${hanging} of ${backends}`,
    );
  }
  return scenario;
}

function numberReader(values: Readonly<Record<string, unknown>>, problems: string[]): NumberReader {
  return (name, byDefault, least, most) => {
    const text = values[name];
    if (typeof text !== 'string') return byDefault;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    problems.push(`--${name} must be a whole number from ${least} to ${most}: got '${text}'`);
    return byDefault;
  };
}

function oneOf<T extends string>(option: string, text: string, names: readonly T[], problems: string[]): T {
  const found = names.find((name) => name === text);
  if (found === undefined) problems.push(`--${option} must be one of ${names.join(', ')}: got '${text}'`);
  return found ?? (names[0] as T);
}

function listOf<T extends string>(option: string, text: string | undefined, names: readonly T[], problems: string[]) {
  return text === undefined ? names : text.split(',').map((each) => oneOf(option, each, names, problems));
}

function loadsOf(text: string, problems: string[]): number[] {
  return text.split(',').map((each) => {
    const load = each.trim() === '' ? Number.NaN : Number(each);
    if (load > 0 && load <= 10) return load;
    problems.push(`--load must be numbers above 0, at most 10: got '${each}'`);
    return 1;
  });
}

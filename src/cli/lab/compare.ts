import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseEnvironment, variables } from '../../config/environment.ts';
import { mayHoldSecret } from '../../config/secret-variables.ts';
import { compare } from '../../lab/experiments/compare.ts';
import type { LoadedSlo } from '../../lab/experiments/slo-mix.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import type { System } from '../../lab/system/system.ts';
import { labCanary } from './canary.ts';
import { entryOf, runExperiment } from './experiment.ts';
import { mixOf, startRunning } from './measured-system.ts';
import { checkUrl, readKey, type Running } from './running-option.ts';
import { readSlo, wantsSloMix } from './slo-option.ts';
import { type Options, readOptions } from '../options.ts';

const help = `usage: rampart lab compare --b NAME=VALUE[,NAME=VALUE] [options]
       rampart lab compare --a-build FOLDER [options]
       rampart lab compare --a-url URL --b-url URL --slo FILE [options]
       rampart lab compare --canary UPSTREAM [--endpoint NAME] [--admin-url URL] [options]

Compares two configurations or builds: runs A and B in turns, each run in new processes. The verdict is better or worse if
the difference is both significant (Mann-Whitney, p below 5 %) and large enough to matter, and inconclusive if more runs
could decide. The run passes unless B is worse.

  --a, --b LIST         settings of A and of B, as in the environment (defaults)
  --a-build, --b-build FOLDER   folder of another Rampart, such as a git worktree (this one)
  --a-url, --b-url URL  two running services, instead of two that are started for each run
  --key-file FILE       file with the key or token of both; or RAMPART_LAB_TOKEN; or --key, which others can see
  --insecure            do not verify certificates
  --slo FILE, --mix NAME   requests to send: create, or slo for the endpoints of the file (create; slo if createBarcode has
                        no weight in the file)
  --runs N              runs of each, at least 4, because fewer cannot be significant (10)
  --connections N       users, each of whom waits for the reply (8)
  --hold SECONDS        length of a run (4)
  --throughput PERCENT  change of throughput that matters (3)
  --p95 PERCENT         change of p95 that matters (5)
  --json                the whole record on standard output

With --canary it sends no load. It compares one upstream of a route with weights with the other upstreams of that route, by their live
traffic, in --runs windows of --hold seconds. It fails if the canary's p95 or its share of failed requests is worse.

  --canary UPSTREAM     the upstream that is on trial
  --endpoint NAME       the route, if the upstream is a side of several
  --admin-url URL       the admin API of the host (ADMIN_HOST and ADMIN_PORT; ADMIN_TOKEN is sent there)
`;

const SLOTS = 4;
/** Latency by which the sender's own lag is judged. */
const TARGET_MS = 150;

const optionKinds = {
  a: 'value',
  b: 'value',
  'a-build': 'value',
  'b-build': 'value',
  'a-url': 'value',
  'b-url': 'value',
  'key-file': 'value',
  key: 'value',
  insecure: 'flag',
  slo: 'value',
  mix: 'value',
  runs: 'value',
  connections: 'value',
  hold: 'value',
  throughput: 'value',
  p95: 'value',
  json: 'flag',
  canary: 'value',
  endpoint: 'value',
  'admin-url': 'value',
} as const;

/** `rampart lab compare`. */
export async function labCompare(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'lab compare', help, options: optionKinds }, args, io);
  if (options === undefined) return exitCodes.ok;
  if (options.has('canary')) return labCanary(options, io);
  for (const name of ['endpoint', 'admin-url']) if (options.has(name)) options.problem(`--${name} needs --canary`);
  const settings = { A: readSettings('a', options), B: readSettings('b', options) };
  const builds = { A: readBuild('a-build', options, io), B: readBuild('b-build', options, io) };
  const running = readPair(options, io);
  const file = readSlo(options, io);
  const slo = wantsSloMix(options, file) ? file.loaded : undefined;
  const plan = readPlan(options, running !== undefined, slo);
  options.check();
  return runExperiment('compare', { io, json: options.flag('json') }, (experiment) => {
    const known: Partial<Record<'A' | 'B', Promise<System>>> = {};
    const start = async (name: 'A' | 'B'): Promise<System> => {
      if (running === undefined) return experiment.start(name, settings[name], builds[name]);
      known[name] ??= experiment.own(startRunning(running[name], slo, io));
      // The service goes on between the runs; a key that was made for it is revoked at the end.
      return { ...(await known[name]), name, stop: async () => {} };
    };
    return compare({ ...plan, start }, experiment.context);
  });
}

/** The sizes and thresholds of the comparison. */
function readPlan(options: Options, areRunning: boolean, slo: LoadedSlo | undefined) {
  return {
    areRunning,
    mixFor: mixOf(slo),
    runs: options.whole('runs', 10, 4, 20),
    connections: options.whole('connections', 8, 1, 10_000),
    holdMs: options.number('hold', 4, 0.5, 3600) * 1000,
    thresholds: {
      throughput: options.number('throughput', 3, 0, 100) / 100,
      p95: options.number('p95', 5, 0, 100) / 100,
    },
    targetMs: TARGET_MS,
    resources: { slots: areRunning ? undefined : availableParallelism() * SLOTS },
  };
}

/** Two services that run; undefined where both are started for the comparison. */
function readPair(options: Options, io: CommandIo): Readonly<Record<'A' | 'B', Running>> | undefined {
  const [a, b] = [options.text('a-url'), options.text('b-url')];
  const key = readKey(options, io);
  const insecure = options.flag('insecure');
  if (a === undefined && b === undefined) {
    if (insecure || options.text('key') !== undefined || options.text('key-file') !== undefined)
      options.problem('--key, --key-file and --insecure are for services that run: they need --a-url and --b-url');
    return undefined;
  }
  if (a === undefined || b === undefined) {
    options.problem('--a-url and --b-url belong together');
    return undefined;
  }
  if (['a', 'b', 'a-build', 'b-build'].some((name) => options.text(name) !== undefined)) {
    options.problem('--a-url and --b-url name services that run: their settings and builds are not changed');
  }
  if (![checkUrl('a-url', a, options), checkUrl('b-url', b, options)].every(Boolean)) return undefined;
  return { A: { url: a, key, insecure }, B: { url: b, key, insecure } };
}

function readBuild(name: 'a-build' | 'b-build', options: Options, io: CommandIo): string | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const folder = resolve(io.folder, text);
  if (!existsSync(entryOf(folder))) options.problem(`--${name} must be the folder of a Rampart: got '${folder}'`);
  return folder;
}

function readSettings(name: 'a' | 'b', options: Options): Record<string, string> {
  const pairs = (options.text(name) ?? '').split(',').filter((pair) => pair !== '');
  const settings: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const variable = pair.slice(0, Math.max(0, at));
    if (mayHoldSecret(variable)) {
      options.problem(`--${name} takes no ${variable}, as settings stand in the report: set it in the environment`);
    } else if (Object.hasOwn(variables, variable)) settings[variable] = pair.slice(at + 1);
    else options.problem(`--${name} takes settings of Rampart as NAME=VALUE: got '${pair}'`);
  }
  for (const problem of parseEnvironment(settings).problems) options.problem(`--${name}: ${problem}`);
  return settings;
}

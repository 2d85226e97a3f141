import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Resources } from '../../lab/experiments/limit.ts';
import { createBarcodeMix } from '../../lab/experiments/barcode-mix.ts';
import { type LoadedSlo, sloMix } from '../../lab/experiments/slo-mix.ts';
import type { LabContext } from '../../lab/experiments/step.ts';
import { endpointTargets, type Targets } from '../../lab/experiments/targets.ts';
import type { Mix } from '../../lab/load/mix.ts';
import { runningSystem, type System } from '../../lab/system/system.ts';
import type { EndpointGate } from '../../policy/slo/slo.ts';
import type { CommandIo } from '../io.ts';
import { systemWithBorrowedKey } from './borrowed-key.ts';
import type { Experiment } from './experiment.ts';
import type { Options } from './options.ts';
import { kindOf, readOwnSettings } from './own-settings.ts';
import { readSlo, wantsSloMix } from './slo-option.ts';

/** The options of what is measured, and of when a load counts as carried. */
export const systemOptions = {
  url: 'text',
  'key-file': 'text',
  key: 'text',
  kind: 'text',
  generators: 'number',
  workers: 'number',
  p95: 'number',
  failed: 'number',
  slo: 'text',
} as const;

export const systemHelp = `  --kind NAME        barcode or calibrated generators; this and the sizes are those of the environment, if not said here
  --generators N     generators
  --workers N        gateway workers
  --url URL          measure a Rampart that runs, in place of one of the lab's own; creates barcodes there
  --key-file FILE    file with the key; or --key, which others on this machine can see. Without: a key is made in the database
                     of this folder (RAMPART_DATA_DIR or DATABASE_URL) and revoked after the run
  --slo FILE         SLO file with the targets (slo.yaml, where this folder has one)
  --p95 MS           target: p95 latency of createBarcode (that of the SLO file, or 150)
  --failed PERCENT   target: errors and refusals at most (that of the SLO file, or 1)
`;

export interface MeasuredSystem {
  readonly resources: Resources;
  readonly targets: Targets;
  readonly slo: LoadedSlo | undefined;
  /** What the SLO file promises of createBarcode. */
  readonly promised: EndpointGate | undefined;
  /** p95 under a spike, at most so many times the normal one. */
  readonly spikeP95Factor: number;
  start(experiment: Experiment): Promise<System>;
}

export function readSystem(options: Options, io: CommandIo): MeasuredSystem {
  const counts = { GENERATOR_INSTANCES: 'generators', GATEWAY_WORKERS: 'workers' } as const;
  const given = Object.entries(counts).flatMap(([name, option]) =>
    options.text(option) === undefined ? [] : [[name, String(Math.round(options.number(option, 1, 1, 64)))]],
  );
  const own = readOwnSettings(io, options, {
    ...Object.fromEntries(given),
    ...kindOf(options),
  });
  const { GENERATOR_KIND, GENERATOR_INSTANCES, GENERATOR_CONCURRENCY, GATEWAY_WORKERS } = own.values;
  const running = readRunning(options, io);
  const slo = readSlo(options, io);
  const create = slo?.slo.endpoints.find(({ id }) => id === 'createBarcode');
  const promised = create?.gate;
  // Those that every report names, whether they are set or not.
  const named = { GENERATOR_KIND, GENERATOR_INSTANCES, GENERATOR_CONCURRENCY, GATEWAY_WORKERS };
  const settings = {
    ...own.others,
    ...own.tuned,
    ...Object.fromEntries(Object.entries(named).map(([name, value]) => [name, String(value)])),
  };
  return {
    resources: { slots: running === undefined ? GENERATOR_INSTANCES * GENERATOR_CONCURRENCY : undefined },
    targets: {
      p95Ms: options.number('p95', promised?.p95Ms ?? 150, 0.1, 60_000),
      maxFailedShare: options.number('failed', (promised?.maxFailedShare ?? 0.01) * 100, 0, 100) / 100,
    },
    slo,
    promised,
    spikeP95Factor: create?.spikeP95Factor ?? 2,
    start: (experiment) => {
      if (running === undefined) return experiment.start('own', settings);
      const { url, key } = running;
      return key === undefined
        ? experiment.own(systemWithBorrowedKey(url, io))
        : Promise.resolve(runningSystem(url, key));
    },
  };
}

/** Where a Rampart runs, and the key to use; undefined: one that is made for the run. */
interface Running {
  readonly url: string;
  readonly key: string | undefined;
}

function readRunning(options: Options, io: CommandIo): Running | undefined {
  const url = options.text('url');
  const keyFile = options.text('key-file');
  const key = keyFile === undefined ? options.text('key') : keyIn(resolve(io.folder, keyFile), options);
  if (url === undefined) {
    if (key !== undefined) options.problem('--key and --key-file are for a Rampart that runs: they need --url');
    return undefined;
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    options.problem(`--url must be an http or https URL: got '${url}'`);
    return undefined;
  }
  return { url, key };
}

function keyIn(path: string, options: Options): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    options.problem(`--key-file cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}

/** What `ramp` and `capacity` send, and what it must keep: createBarcode alone, or the mix of the SLO file. */
export function readMix(options: Options, { slo, targets }: MeasuredSystem) {
  const isSlo = wantsSloMix(options, slo);
  if (!isSlo || slo === undefined) {
    return { targets, mixFor: async (system: System): Promise<Mix> => createBarcodeMix(system.key) };
  }
  return {
    targets: { ...targets, endpoints: endpointTargets(slo.slo) },
    mixFor: (system: System, context: LabContext): Promise<Mix> => sloMix(slo, system, context),
  };
}

export const mixHelp = `  --mix NAME         create: createBarcode alone; slo: the endpoints of the SLO file by their weights (create)
`;

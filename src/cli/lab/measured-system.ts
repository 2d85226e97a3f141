import { UsageError } from '../../core/errors.ts';
import type { Resources } from '../../lab/experiments/bottleneck.ts';
import { createBarcodeMix } from '../../lab/experiments/barcode-mix.ts';
import { hasOwnRequests, type LoadedSlo, sloMix } from '../../lab/experiments/slo-mix.ts';
import type { LabContext } from '../../lab/experiments/step.ts';
import { endpointTargets, type Targets } from '../../lab/experiments/targets.ts';
import type { Mix } from '../../lab/load/mix.ts';
import { ask, isSilence } from '../../lab/system/ask.ts';
import { lookAt } from '../../lab/system/look.ts';
import { runningSystem, type System } from '../../lab/system/system.ts';
import type { EndpointGate } from '../../policy/slo/slo.ts';
import type { CommandIo } from '../io.ts';
import { systemWithBorrowedKey } from './borrowed-key.ts';
import type { Experiment } from './experiment.ts';
import type { Options } from '../options.ts';
import { kindOf, readOwnSettings } from './own-settings.ts';
import { type Running, readRunning } from './running-option.ts';
import { readSlo, wantsSloMix } from './slo-option.ts';

/** The options of what is measured, and of when a load counts as carried. */
export const systemOptions = {
  url: 'value',
  'key-file': 'value',
  key: 'value',
  insecure: 'flag',
  mix: 'value',
  kind: 'value',
  generators: 'value',
  workers: 'value',
  p95: 'value',
  failed: 'value',
  slo: 'value',
} as const;

export const systemHelp = `  --kind NAME        kind of the generators: barcode or calibrated (as the environment says)
  --generators N     number of generators (as the environment says)
  --workers N        number of gateway workers (as the environment says)
  --url URL          measure a running service instead of a Rampart that the lab starts. The lab creates barcodes there,
                     unless --mix slo names other requests
  --key-file FILE    file with the key or token of the service; or RAMPART_LAB_TOKEN; or --key, which others on this machine
                     can see. Without a key, if the service is a Rampart on this machine and its barcode endpoints are
                     loaded, the lab makes a key in the database of this folder (RAMPART_DATA_DIR or DATABASE_URL) and
                     revokes it after the run
  --insecure         do not verify the certificate of an https URL, so that the key may reach another server
  --mix NAME         create: Rampart's own requests; slo: the endpoints of the SLO file by their weights (create; slo if
                     createBarcode has no weight in the file of --slo)
  --slo FILE         SLO file with the targets (slo.yaml, if this folder has one)
  --p95 MS           target of the p95 latency of createBarcode (that of the SLO file, or 150)
  --failed PERCENT   target of errors and refusals together (that of the SLO file, or 1)
`;

export interface MeasuredSystem {
  readonly resources: Resources;
  /** The targets of the loaded endpoints, or of createBarcode. */
  readonly targets: Targets;
  /** The promise of the SLO file for createBarcode. */
  readonly promised: EndpointGate | undefined;
  /** p95 under a spike, at most so many times the normal one. */
  readonly spikeP95Factor: number;
  /** The endpoints of the SLO file; undefined where Rampart's own requests are to be sent. */
  readonly slo: LoadedSlo | undefined;
  /** Looks at a system that runs before anything else is done. */
  start(experiment: Experiment): Promise<System>;
  /** The mix of the SLO file, or createBarcode alone. */
  mixFor(system: System, context: LabContext): Promise<Mix>;
}

export function readSystem(options: Options, io: CommandIo): MeasuredSystem {
  const counts = { GENERATOR_INSTANCES: 'generators', GATEWAY_WORKERS: 'workers' } as const;
  const given = Object.entries(counts).flatMap(([name, option]) =>
    options.text(option) === undefined ? [] : [[name, String(options.whole(option, 1, 1, 64))]],
  );
  const own = readOwnSettings(io, options, {
    ...Object.fromEntries(given),
    ...kindOf(options),
  });
  const { GENERATOR_KIND, GENERATOR_INSTANCES, GENERATOR_CONCURRENCY, GATEWAY_WORKERS } = own.values;
  const running = readRunning(options, io);
  const file = readSlo(options, io);
  const slo = wantsSloMix(options, file) ? file.loaded : undefined;
  const create = file.loaded?.slo.endpoints.find(({ id }) => id === 'createBarcode');
  const promised = create?.gate;
  // Every report names these settings, even if they have their defaults.
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
      ...(slo === undefined ? {} : { endpoints: endpointTargets(slo.slo) }),
    },
    promised,
    spikeP95Factor: create?.spikeP95Factor ?? 2,
    slo,
    start: (experiment) =>
      running === undefined ? experiment.start('own', settings) : experiment.own(startRunning(running, slo, io)),
    mixFor: mixOf(slo),
  };
}

/** The mix of the SLO file, or createBarcode alone. */
export const mixOf =
  (slo: LoadedSlo | undefined) =>
  async (system: System, context: LabContext): Promise<Mix> =>
    slo === undefined ? createBarcodeMix(system.key) : sloMix(slo, system, context);

/** The p99 target of all requests together; none by default if the SLO file has targets for each endpoint. */
export function readP99(options: Options, { slo, promised }: MeasuredSystem): number | undefined {
  if (slo !== undefined && options.text('p99') === undefined) return undefined;
  return options.number('p99', promised?.p99Ms ?? 500, 0.1, 60_000);
}

/** A service that runs, once something has answered there; without a key, one is made where its requests need one. */
export async function startRunning(running: Running, slo: LoadedSlo | undefined, io: CommandIo): Promise<System> {
  const { url, key, insecure } = running;
  const look = await lookAt({ url: new URL(url).origin, insecure });
  const isWithoutKey = slo !== undefined && hasOwnRequests(slo.slo);
  if (key !== undefined && !isWithoutKey && look.isRampart) await checkKey(running, key);
  if (key !== undefined || isWithoutKey) return runningSystem(url, key ?? '', insecure);
  return systemWithBorrowedKey(running, look, io);
}

/** A key that Rampart does not know would fail every request of the run: that can be said before it. */
async function checkKey({ url, insecure }: Running, key: string): Promise<void> {
  const target = { url: new URL(url).origin, insecure };
  const headers = { authorization: `Bearer ${key}` };
  const status = await ask(target, { path: '/v1/barcodes?page_size=1', headers }).then(
    (answer) => answer.status,
    (error: unknown) => {
      // A target that is too busy to answer may know the key: the load shows it.
      if (isSilence(error)) return undefined;
      throw error;
    },
  );
  if (status !== 401 && status !== 403) return;
  throw new UsageError(
    `Cannot measure ${target.url}, as it does not accept the key (status ${status}). Give one of its own with --key-file or RAMPART_LAB_TOKEN, or none: on this machine the lab makes one`,
  );
}

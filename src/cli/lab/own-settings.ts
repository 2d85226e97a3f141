import { type Environment, parseEnvironment } from '../../config/environment.ts';
import { tunables } from '../../lab/tuning/configuration.ts';
import type { CommandIo } from '../io.ts';
import type { Options } from '../options.ts';

/** Settings that affect speed and memory, and hold no secret. The lab has its own ports, database and data directory. */
const carried = [
  'GENERATOR_KIND',
  'CALIBRATED_SERVICE_TIME_MS',
  'CALIBRATED_LAW',
  'QUEUE_TIMEOUT_MS',
  'BALANCER',
  'UPSTREAM_TIMEOUT_MS',
  'CONNECT_TIMEOUT_MS',
  'DATABASE_POOL_MAX',
  'DATABASE_POOL_TIMEOUT_MS',
  'LEDGER_FLUSH_MS',
  'LEDGER_DURABILITY',
  'CACHE_MAX_BYTES',
  'CACHE_TTL_SECONDS',
  'BATCH_WORKERS',
] as const;

/** The settings of the environment that a system of the lab's own takes over. */
export interface OwnSettings {
  /** Settings that `tune` can change, as the environment has them. */
  readonly tuned: Readonly<Record<string, string>>;
  /** The other settings, as the environment has them. */
  readonly others: Readonly<Record<string, string>>;
  /** All of them, with defaults. */
  readonly values: Environment;
}

/** `given`: what options say, which goes before the environment. */
export function readOwnSettings(io: CommandIo, options: Options, given: Readonly<Record<string, string>>): OwnSettings {
  const env = { ...io.env, ...given };
  const { values, problems } = parseEnvironment(env);
  for (const problem of problems) options.problem(problem);
  const taken = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      names.flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])),
    );
  return { tuned: taken(tunables), others: taken(carried), values };
}

/** The setting that --kind makes, if it was given. */
export function kindOf(options: Options): { readonly GENERATOR_KIND?: string } {
  const kind = options.text('kind');
  if (kind === undefined) return {};
  if (kind === 'barcode' || kind === 'calibrated') return { GENERATOR_KIND: kind };
  options.problem(`--kind must be barcode or calibrated: got '${kind}'`);
  return {};
}

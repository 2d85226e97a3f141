import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';
import { nearestName } from '../core/nearest-name.ts';
import { parseEnvironment, variables } from './environment.ts';
import { tracesUrl } from './trace-settings.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The environment with what the folder's `.env` adds; what is set already wins. */
export function withEnvFile(env: Env, folder: string): Env {
  let text: string;
  try {
    text = readFileSync(join(folder, '.env'), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EISDIR') return env;
    throw new UsageError(`Cannot read ${join(folder, '.env')}: ${messageOf(error)}. Make it readable, or remove it`);
  }
  const added = Object.entries(parseEnv(text)).filter(([name]) => (env[name] ?? '') === '');
  return { ...env, ...Object.fromEntries(added) };
}

/** Names that begin so are meant for Rampart. */
const OWN_PREFIX = /^(GATEWAY|GENERATOR|CALIBRATED|LEDGER)_/;

/** An application and Kubernetes have names that begin so, too: only what is almost a variable of Rampart is meant for it. */
const SHARED_PREFIX = /^(VALKEY|DATABASE)_/;

/** Variables of OpenTelemetry about traces and their exporter; those about metrics and logs concern nobody here. */
const OTEL_TRACES = /^OTEL_(?:TRACES_|EXPORTER_OTLP_(?!METRICS_|LOGS_)|BSP_|SERVICE_|RESOURCE_|SDK_|PROPAGATORS$)/;
/** What Rampart does anyway. */
const asRampartDoes: Readonly<Record<string, RegExp>> = {
  OTEL_TRACES_EXPORTER: /^otlp$/,
  OTEL_EXPORTER_OTLP_PROTOCOL: /^http\/json$/,
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: /^http\/json$/,
  OTEL_PROPAGATORS: /\btracecontext\b/,
};

/** A remark on each variable of OpenTelemetry that would change what is traced, and that Rampart does not read. */
function unreadOtelVariables(env: Env, known: readonly string[]): string[] {
  if (tracesUrl(parseEnvironment(env).values) === undefined) return [];
  return Object.keys(env)
    .filter((name) => OTEL_TRACES.test(name) && !known.includes(name) && (env[name] ?? '') !== '')
    .filter((name) => asRampartDoes[name]?.test(env[name] ?? '') !== true)
    .map((name) => `${name} is set, and Rampart does not read it: docs/traces.md has those that it reads`);
}

/** A remark on each variable that is meant for Rampart, or for whoever traces, and is not read. */
export function unknownVariables(env: Env): string[] {
  const known = Object.keys(variables);
  const own = Object.keys(env)
    .filter((name) => !known.includes(name) && (OWN_PREFIX.test(name) || SHARED_PREFIX.test(name)))
    .flatMap((name) => {
      const shared = SHARED_PREFIX.exec(name)?.[0] ?? '';
      // Without the prefix: with it, VALKEY_PORT would be close to VALKEY_URL.
      const rests = known.filter((one) => one.startsWith(shared)).map((one) => one.slice(shared.length));
      const rest = nearestName(name.slice(shared.length), rests);
      if (rest === undefined && shared !== '') return [];
      const nearest = rest && `${shared}${rest}`;
      return `${name} is set, and Rampart has no such variable${nearest === undefined ? '' : `: did you mean ${nearest}?`}`;
    });
  return [...own, ...unreadOtelVariables(env, known)];
}

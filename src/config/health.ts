import type { ParsedConfigFile } from './file-schema.ts';
import type { HealthCheck, UpstreamTls } from './model.ts';

/** An upstream as the configuration file has it. */
export type UpstreamFile = NonNullable<ParsedConfigFile['upstreams']>[string];

/** How backends are checked where nothing was said. */
export const defaultHealth = {
  host: undefined,
  tls: undefined,
  intervalMs: 500,
  timeoutMs: 1000,
  rise: 2,
  fall: 3,
  cancelOnDown: false,
};

/** Undefined: they are not checked. */
export function healthCheck(
  { healthPath, health }: UpstreamFile,
  tls: UpstreamTls | undefined,
): HealthCheck | undefined {
  const path = health?.path ?? healthPath;
  if (path === undefined) return undefined;
  return {
    path,
    host: health?.host,
    tls,
    intervalMs: health?.intervalMs ?? defaultHealth.intervalMs,
    timeoutMs: health?.timeoutMs ?? defaultHealth.timeoutMs,
    rise: health?.rise ?? defaultHealth.rise,
    fall: health?.fall ?? defaultHealth.fall,
    cancelOnDown: health?.cancelOnDown ?? defaultHealth.cancelOnDown,
  };
}

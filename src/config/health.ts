import { parseBackendUrl } from '../core/backend-url.ts';
import type { ParsedConfigFile } from './file-schema.ts';
import type { HealthCheck, UpstreamTls } from './model.ts';

/** An upstream as the configuration file has it. */
export type UpstreamFile = NonNullable<ParsedConfigFile['upstreams']>[string];

/** The URL of a backend in one form; as it is, if it is none. */
export function originOf(url: string): string {
  const parsed = parseBackendUrl(url);
  return typeof parsed === 'string' ? url : parsed.origin;
}

/** The backends that take new requests. */
export function servingBackends({ backends, drained = [] }: Pick<UpstreamFile, 'backends' | 'drained'>): string[] {
  const left = new Set(drained.map(originOf));
  return backends.filter((url) => !left.has(originOf(url)));
}

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

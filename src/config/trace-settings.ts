import type { Environment } from './environment.ts';

/** Where traces are sent, by OTLP/HTTP; undefined: requests are not traced. */
export function tracesUrl(env: Environment): string | undefined {
  if (env.OTEL_SDK_DISABLED === 'true') return undefined;
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole, OTEL_EXPORTER_OTLP_ENDPOINT: base } = env;
  if (whole !== undefined) return whole;
  if (base === undefined) return undefined;
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}

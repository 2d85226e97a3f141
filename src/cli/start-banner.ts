import { GENERATOR_UPSTREAM } from '../config/upstreams.ts';
import type { Config } from '../config/model.ts';
import { hostInUrl } from '../core/host.ts';
import type { PreparedDatabase } from './database.ts';
import { firstKey } from './first-key.ts';

/** Where a host listens. */
export function addresses({ env }: Config): { url: string; adminUrl: string } {
  return {
    url: `http://${hostInUrl(env.HOST)}:${env.PORT}`,
    adminUrl: `http://${hostInUrl(env.ADMIN_HOST)}:${env.ADMIN_PORT}`,
  };
}

/** The text that a start prints when everything is up. */
export async function banner(config: Config, database: PreparedDatabase | undefined): Promise<string> {
  const { url, adminUrl } = addresses(config);
  const { GATEWAY_WORKERS } = config.env;
  return `
  Rampart is up.

    public    ${url}    ${GATEWAY_WORKERS} workers
${tlsLine(config)}    console   ${adminUrl}    also /api/status, /metrics
${backendLines(config)}
${database === undefined ? '    database  none: no route needs one\n' : await databaseLines(config, database, url)}
  Ctrl-C stops everything.

`;
}

function tlsLine({ env, tls }: Config): string {
  return tls === undefined ? '' : `    TLS       https://${hostInUrl(env.HOST)}:${tls.port}\n`;
}

function backendLines({ env, upstreams }: Config): string {
  const { GENERATOR_INSTANCES, GENERATOR_CONCURRENCY, GENERATOR_KIND } = env;
  const own =
    GENERATOR_INSTANCES === 0
      ? []
      : [`${GENERATOR_INSTANCES} ${GENERATOR_KIND} generators, ${GENERATOR_CONCURRENCY} requests at a time each`];
  const others = upstreams
    .filter(({ name }) => name !== GENERATOR_UPSTREAM)
    .map(({ name, backends, cap }) => `${backends.length} of upstream ${name}, ${cap} requests at a time each`);
  const lines = [...own, ...others];
  return (lines.length === 0 ? ['none: rampart.config.ts names no upstream'] : lines)
    .map((line, index) => `    ${index === 0 ? 'backends' : '        '}  ${line}`)
    .join('\n');
}

async function databaseLines(config: Config, database: PreparedDatabase, url: string): Promise<string> {
  const { shown, forShell } = await firstKey(config, database);
  const where = database.isEmbedded ? `embedded PostgreSQL in ${config.dataDir}` : 'PostgreSQL of DATABASE_URL';
  const lines = `    database  ${where}
    key       ${shown}
`;
  if (config.env.GENERATOR_INSTANCES === 0) return lines;
  return `${lines}
  Try it:

    curl -s -H "authorization: Bearer ${forShell}" -H 'content-type: application/json' \\
      -d '{"symbology":"qrcode","text":"hello","format":"png"}' -o hello.png ${url}/v1/barcodes
`;
}

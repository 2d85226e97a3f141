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

export interface BannerParts {
  /** The configuration in force. */
  readonly config: Config;
  /** Whether that is the file of this host, and not another version of its fleet or of the admin API. */
  readonly isOwnFile: boolean;
  readonly database: PreparedDatabase | undefined;
}

/** The text that a start prints when everything is up. */
export async function banner({ config, isOwnFile, database }: BannerParts): Promise<string> {
  const { url, adminUrl } = addresses(config);
  const { GATEWAY_WORKERS } = config.env;
  return `
  Rampart is up.

    public    ${url}    ${GATEWAY_WORKERS} workers
${tlsLine(config)}    console   ${adminUrl}    also /api/status, /metrics
${backendLines(config)}
${isOwnFile ? '' : OTHER_FILE}${database === undefined ? noDatabaseLine(config) : await databaseLines(config, database, url)}
  Ctrl-C stops everything.

`;
}

const OTHER_FILE =
  "    note      not the configuration file of this host is in force, but another version: 'rampart status' shows which\n";

/** The line about the database of a host that keeps neither keys nor records. */
function noDatabaseLine({ env: { DATABASE_URL, VALKEY_URL } }: Config): string {
  const text =
    DATABASE_URL === undefined
      ? 'none: no route needs one'
      : VALKEY_URL === undefined
        ? 'none: no route needs one, so DATABASE_URL is not used'
        : 'PostgreSQL of DATABASE_URL, for what the hosts of the fleet share; no route needs it';
  return `    database  ${text}\n`;
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

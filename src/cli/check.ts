import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { DEFAULT_FILE } from '../config/file.ts';
import { DEFAULT_SLO_FILE } from '../config/slo-file-name.ts';
import { HIDDEN, hiddenAt } from '../config/redaction.ts';
import { mayHoldSecret } from '../config/secret-variables.ts';
import { unknownVariables } from '../config/env-file.ts';
import type { RouteConfig } from '../config/model.ts';
import { fleetRemarks, storeRemarks } from '../config/fleet.ts';
import { nodeRemarks } from '../config/node-floors.ts';
import { routeRemarks } from '../config/route-remarks.ts';
import { checkTlsFiles } from '../gateway/tls/open-tls.ts';
import { alignedLines } from './aligned-lines.ts';
import { checkConnections, connectionLines, directDatabaseProblem } from './check-database.ts';
import { checkValkey, checkValkeyCache, type ValkeyCheck } from './check-valkey.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';
import { checkedSlo } from './slo-at-start.ts';

const help = `usage: rampart check [--json]

Checks the environment, the configuration file, the certificates that they name and the SLO file, and whether PostgreSQL has as many connections as all
processes may open together, and whether it takes the password. Asks Valkey for its version and settings. Prints every problem (exit code 2), or all settings if there is none.
`;

/** `rampart check`. */
export async function check(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions({ command: 'check', help, options: { json: 'flag' } }, args, io);
  if (options === undefined) return exitCodes.ok;
  const config = await loadConfig(io.env, io.folder, 'use this configuration');
  const { env, dataDir, upstreams, routes, tls } = config;
  if (tls !== undefined) checkTlsFiles(tls);
  const sloRemarks = checkedSlo(config, io);
  const connections = await checkConnections(config);
  const direct = await directDatabaseProblem(config);
  const valkey = await checkValkey(env.VALKEY_URL);
  const cache = await checkValkeyCache(env.VALKEY_CACHE_URL, env.VALKEY_URL);
  for (const remark of [
    ...unknownVariables(io.env),
    ...routeRemarks(routes),
    ...fleetRemarks(config.upstreams),
    ...storeRemarks(env),
    ...nodeRemarks(config, process.versions.node),
    ...sloRemarks,
    ...(typeof connections === 'string' ? [connections] : []),
    ...(direct === undefined ? [] : [direct]),
    ...(valkey?.remarks ?? []),
    ...(cache?.remarks ?? []),
  ])
    io.stderr.write(`rampart: ${remark}\n`);
  const shown = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, mayHoldSecret(name) ? hidden(value) : value]),
  );
  const summed = typeof connections === 'string' ? undefined : connections;
  if (options.flag('json')) {
    io.stdout.write(
      `${JSON.stringify({ ok: true, environment: shown, dataDir, upstreams, routes: hiddenAt('routes', routes), connections: summed, valkey: valkey?.server, valkeyCache: cache?.server }, undefined, 2)}\n`,
    );
    return exitCodes.ok;
  }
  const routeLines = routes.map((route) => `  ${placeOf(route).padEnd(36)}${route.endpoint} -> ${actionOf(route)}`);
  io.stdout.write(
    [
      'The configuration is sound.',
      '',
      ...settingLines(shown, filesFound(io.folder)),
      ...(routes.length > 0 ? ['', 'routes', ...routeLines] : []),
      ...(summed === undefined ? [] : ['', ...connectionLines(summed)]),
      ...valkeyLines(valkey, cache),
      '',
    ].join('\n'),
  );
  return exitCodes.ok;
}

const settingLines = (shown: Readonly<Record<string, unknown>>, found: Readonly<Record<string, string>>): string[] =>
  alignedLines(
    Object.entries(shown).map(([name, value]) => [
      `  ${name}`,
      isSet(value) ? settingText(value) : (found[name] ?? NOT_SET),
    ]),
  );

const valkeyLines = (valkey: ValkeyCheck | undefined, cache: ValkeyCheck | undefined): string[] => [
  ...(valkey?.server === undefined ? [] : ['', `VALKEY_URL: ${valkey.server}`]),
  ...(cache?.server === undefined ? [] : [`VALKEY_CACHE_URL: ${cache.server}`]),
];

function placeOf({ host, path, methods }: RouteConfig): string {
  const hosts = host === undefined ? '' : typeof host === 'string' ? host : host.join('|');
  return `${methods === undefined ? '' : `${methods.join(',')} `}${hosts}${path}`;
}

const actionOf = ({ upstream, upstreams, redirect, static: reply }: RouteConfig): string =>
  upstream ??
  upstreams?.map((side) => `${side.upstream} ${side.weight}`).join(', ') ??
  (redirect !== undefined ? `redirect ${redirect.status}` : `static reply ${reply?.status}`);

const hidden = (value: unknown): string | undefined => (isSet(value) ? HIDDEN : undefined);

const isSet = (value: unknown): boolean => value !== undefined && !(Array.isArray(value) && value.length === 0);

const NOT_SET = '(not set)';

/** The files of the folder that are in force although no variable names them, by the variable that would. */
function filesFound(folder: string): Readonly<Record<string, string>> {
  const files = { RAMPART_CONFIG: DEFAULT_FILE, RAMPART_SLO: DEFAULT_SLO_FILE };
  const found = Object.entries(files).filter(([, file]) => existsSync(resolve(folder, file)));
  return Object.fromEntries(found.map(([name, file]) => [name, `(not set: ${file} of this folder is in force)`]));
}

/** A list with commas, and its pairs as the environment has them. */
function settingText(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.map((each: unknown) => (Array.isArray(each) ? each.join('=') : String(each))).join(',');
}

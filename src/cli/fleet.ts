import { z } from 'zod';
import { loadConfig } from '../config/config.ts';
import { controlSocket } from '../control/control-socket.ts';
import { FLEET_PREFIX, fleetLibrary } from '../control/fleet/fleet-function.ts';
import { luaList } from '../control/fleet/lua-list.ts';
import { askControl } from '../control/link.ts';
import { UsageError } from '../core/errors.ts';
import type { ValkeyClient } from '../store/valkey/valkey-client.ts';
import { ValkeyUnavailable } from '../store/valkey/valkey-unavailable.ts';
import { askFleetConfig, fleetConfigSchema, fleetConfigText } from './fleet-config.ts';
import { alignedLines } from './aligned-lines.ts';
import { absenceText, lookForInstance } from './instance.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { type Options, readOptions } from './options.ts';
import { NO_NEWS } from './state-codes.ts';
import { linesText } from './terminal-text.ts';
import { connectValkey } from './valkey.ts';

const help = `usage: rampart fleet status [--json]
       rampart fleet leases [--json]
       rampart fleet forget HOST

status shows what this host may use of the backends that it shares with other hosts, as its control knows it, and which version of the
fleet's configuration each host has (rampart reload --fleet).
leases shows what every host holds, as the Valkey of VALKEY_URL has it. Nothing has to run here.
forget gives the floor of a host that is gone for good to the others at once; otherwise they get it after 10 minutes.

Exit codes: 0 done; 1 this host has only its floors, none of its permits, or hears no news of the other hosts; 2 wrong usage, or Valkey cannot be
used; 3 nothing runs, or control does not answer.
`;

const ANSWER_LIMIT_MS = 3000;
const subcommands = { status: ['json'], leases: ['json'], forget: [] } as const;
const line = {
  command: 'fleet',
  help,
  options: { json: 'flag' },
  subcommands,
  operands: { least: 1, most: 2, what: 'status, leases or forget' },
} as const;

/** `rampart fleet`. */
export async function fleet(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions(line, args, io);
  if (options === undefined) return exitCodes.ok;
  const [name = '', host] = options.operands;
  if (!Object.hasOwn(subcommands, name))
    options.problem(`there is no 'rampart fleet ${name}'; it takes status, leases or forget`);
  if (name === 'forget' && host === undefined) options.problem('forget takes the name of a host, as leases shows it');
  if (name !== 'forget' && host !== undefined) options.problem(`${name} takes no further word: got '${host}'`);
  options.check();
  if (name === 'status') return showStatus(options, io);
  return withValkey(io, (valkey) => (name === 'leases' ? showLeases(valkey, options, io) : forget(valkey, host, io)));
}

/** `fleet_news` of the status of a host; older controls have none. */
const newsSchema = z
  .object({ state: z.enum(['connected', 'apart']), problem: z.string().nullable() })
  .nullish()
  .transform((value) => value ?? null);

const statusSchema = z.object({
  fleet_config: fleetConfigSchema,
  fleet_news: newsSchema,
  fleet: z
    .object({
      host: z.string(),
      state: z.string(),
      hosts: z.number(),
      lease_ends_in_ms: z.number(),
      problem: z.string().nullable(),
      backends: z.array(
        z.object({
          upstream: z.string(),
          backend: z.string(),
          permits: z.number(),
          floor: z.number(),
          in_use: z.number(),
          cap: z.number(),
        }),
      ),
    })
    .nullable(),
});
type FleetPart = NonNullable<z.output<typeof statusSchema>['fleet']>;

async function showStatus(options: Options, io: CommandIo): Promise<number> {
  const { dataDir, runFolder, processes } = lookForInstance(io);
  const answer = await askControl(controlSocket(runFolder), { type: 'ask', what: 'status' }, ANSWER_LIMIT_MS);
  if (answer === undefined) {
    io.stderr.write(`rampart: ${absenceText(dataDir, processes)}\n`);
    return NO_NEWS;
  }
  const { fleet: part, fleet_config: own, fleet_news: news } = statusSchema.parse(answer);
  const hosts = await askFleetConfig(controlSocket(runFolder), ANSWER_LIMIT_MS);
  const isApart = news?.state === 'apart';
  if (options.flag('json')) {
    const config = own === null && hosts === undefined ? null : { ...own, hosts: hosts ?? null };
    io.stdout.write(`${JSON.stringify(part === null ? null : { ...part, news, config }, undefined, 2)}\n`);
  } else io.stdout.write(fleetStatusText(part) + fleetNewsText(news) + fleetConfigText(own, hosts, isApart));
  const isWhole = part === null || part.backends.length === 0 || ['leased', 'learning'].includes(part.state);
  const isEmpty = part?.backends.length !== 0 && part?.backends.every(({ permits }) => permits === 0) === true;
  return isWhole && !isEmpty && !isApart ? exitCodes.ok : exitCodes.failed;
}

/** A host that hears nothing of the others; no text for one that does. */
export function fleetNewsText(news: z.output<typeof newsSchema>): string {
  if (news?.state !== 'apart') return '';
  const why = news.problem === null ? 'Valkey has not answered yet' : news.problem;
  return linesText([
    `This host hears no news of the other hosts: ${why}. Whatever it has stored counts as stale (docs/fleet-cache.md)`,
  ]);
}

/** The states of a lease in words. */
const states: Readonly<Record<string, string>> = {
  leased: 'has its lease',
  learning:
    'keeps what it has, because the Valkey of the fleet is new or has lost its data; permits move again in seconds',
  new: 'has no lease yet, as it has not had an answer of Valkey',
  apart: 'has only its floors, because its lease has ended',
  superseded: 'may use nothing, because another process runs under its name',
};

/** The text of `rampart fleet status`. */
export function fleetStatusText(part: FleetPart | null): string {
  if (part === null) return 'no fleet: VALKEY_URL is not set (docs/fleet.md)\n';
  const { host, state, hosts, lease_ends_in_ms: leftMs, problem, backends } = part;
  if (backends.length === 0)
    return linesText([
      `${host} shares the cap of no backend: no upstream has scope: 'fleet' and a backend that other hosts reach (docs/fleet.md)`,
    ]);
  const left = leftMs > 0 ? ` It lasts ${(leftMs / 1000).toFixed(1)} s unless it is renewed.` : '';
  return linesText([
    `${host} ${states[state] ?? state}.${left} Hosts: ${hosts}`,
    ...(problem === null ? [] : [`Problem: ${problem}`]),
    '',
    ...alignedLines([
      ['upstream', 'backend', 'in use', 'may use', 'floor', 'cap of all hosts'],
      ...backends.map((one) => [
        one.upstream,
        one.backend,
        String(one.in_use),
        String(one.permits),
        String(one.floor),
        String(one.cap),
      ]),
    ]),
  ]);
}

const leasesSchema = z.object({
  now: z.number(),
  backends: luaList(z.object({ backend: z.string(), out: z.number(), quarantined: z.number(), cap: z.number() })),
  entries: luaList(
    z.object({
      backend: z.string(),
      host: z.string(),
      stage: z.enum(['live', 'silent']),
      permits: z.number(),
      floor: z.number(),
      want: z.number(),
      ends: z.number(),
    }),
  ),
});

async function leasesOf(valkey: ValkeyClient): Promise<z.output<typeof leasesSchema>> {
  const answer = await valkey.call(fleetLibrary.named('list'), [FLEET_PREFIX], []);
  return leasesSchema.parse(JSON.parse(String(answer)));
}

async function showLeases(valkey: ValkeyClient, options: Options, io: CommandIo): Promise<number> {
  const leases = await leasesOf(valkey);
  io.stdout.write(options.flag('json') ? `${JSON.stringify(leases, undefined, 2)}\n` : fleetLeasesText(leases));
  return exitCodes.ok;
}

const UNUSED = '  no live host has this backend in its configuration: it is listed until a day after its last use';

/** The text of `rampart fleet leases`. */
export function fleetLeasesText({ now, backends, entries }: z.output<typeof leasesSchema>): string {
  if (entries.length === 0) return 'no host holds a lease\n';
  const seconds = (ms: number): string => `${Math.max(0, ms / 1000).toFixed(1)} s`;
  const ends = (stage: 'live' | 'silent', at: number): string =>
    stage === 'live' ? `lease ends in ${seconds(at - now)}` : `silent, forgotten in ${seconds(at - now)}`;
  const blocks = backends.flatMap(({ backend, out, quarantined, cap }) => {
    const waiting = quarantined > 0 ? `, of these ${quarantined} of ended leases` : '';
    const of = cap < 0 ? '' : ` of ${cap}`;
    const unused = cap < 0 ? [UNUSED] : [];
    return [
      '',
      `${backend}: ${out}${of} permits are out${waiting}`,
      ...unused,
      ...alignedLines([
        ['  host', 'holds', 'floor', 'wants', ''],
        ...entries
          .filter((one) => one.backend === backend)
          .map(({ host, stage, permits, floor, want, ends: at }) => [
            `  ${host}`,
            String(stage === 'live' ? Math.max(permits, floor) : floor),
            String(floor),
            String(want),
            ends(stage, at),
          ]),
      ]),
    ];
  });
  return linesText(blocks.slice(1));
}

/** Warns that a forgotten host still has a lease, and says what happens then; undefined if it has none. */
export function liveRemark(host: string, { now, entries }: z.output<typeof leasesSchema>): string | undefined {
  const own = entries.filter((one) => one.host === host && one.stage === 'live' && one.ends > now);
  if (own.length === 0) return undefined;
  const floor = own.reduce((sum, one) => sum + one.floor, 0);
  const seconds = (Math.max(...own.map(({ ends }) => ends - now)) / 1000).toFixed(1);
  return `${host} has a lease for another ${seconds} s, so it may be alive: then it goes on, and is back in the fleet when it renews its lease. Until then, or until its lease ends, others may be lent the ${floor} permits of its floors too, beyond the cap. A host that is stopped gives its permits back by itself`;
}

async function forget(valkey: ValkeyClient, host = '', io: CommandIo): Promise<number> {
  const alive = liveRemark(host, await leasesOf(valkey));
  const found = await valkey.call(fleetLibrary.named('forget'), [FLEET_PREFIX], [host]);
  if (found !== 1)
    throw new UsageError(`Cannot forget the host '${host}' as there is none of this name`, [
      "'rampart fleet leases' lists them",
    ]);
  if (alive !== undefined) io.stderr.write(`rampart: ${alive}\n`);
  io.stdout.write(
    `${host} is forgotten: its floor is free now, the rest when its lease and the quarantine have ended\n`,
  );
  return exitCodes.ok;
}

async function withValkey(io: CommandIo, act: (valkey: ValkeyClient) => Promise<number>): Promise<number> {
  const { env } = await loadConfig(io.env, io.folder, 'look at the fleet');
  if (env.VALKEY_URL === undefined)
    throw new UsageError('Cannot look at the fleet as VALKEY_URL is not set', [
      'set it as on the hosts (docs/fleet.md)',
    ]);
  const { client, problem } = await connectValkey(env.VALKEY_URL, 'rampart-fleet', [fleetLibrary]);
  try {
    if (problem !== undefined) throw new UsageError('Cannot look at the fleet as Valkey cannot be used', [problem]);
    return await act(client);
  } catch (error) {
    if (!(error instanceof ValkeyUnavailable)) throw error;
    throw new UsageError('Cannot look at the fleet as Valkey does not answer', [error.message]);
  } finally {
    client.close();
  }
}

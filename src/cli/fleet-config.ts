import { z } from 'zod';
import { askControl } from '../control/link.ts';
import { alignedLines } from './aligned-lines.ts';
import { linesText } from './terminal-text.ts';

/** `fleet_config` of the status of a host; older controls have none. */
export const fleetConfigSchema = z
  .object({ version: z.number().nullable(), departs: z.boolean(), from: z.string(), problem: z.string().nullable() })
  .nullish()
  .transform((value) => value ?? null);

const hostsSchema = z
  .object({
    active: z.object({ number: z.number(), hash: z.string() }).nullable(),
    hosts: z.array(
      z.object({
        host: z.string(),
        lives: z.boolean(),
        version: z.number().nullable(),
        departs: z.boolean(),
        problem: z.string().nullable(),
      }),
    ),
  })
  .optional();

/** What each host has said of its version; undefined if there is no fleet, or PostgreSQL cannot say. */
export async function askFleetConfig(socket: string, limitMs: number): Promise<z.output<typeof hostsSchema>> {
  const answer = await askControl(socket, { type: 'ask', what: 'fleet-config' }, limitMs);
  return hostsSchema.safeParse(answer).data;
}

/** The part of `rampart fleet status` about the configuration; nothing before the first `rampart reload --fleet`. */
export function fleetConfigText(
  own: z.output<typeof fleetConfigSchema>,
  known: z.output<typeof hostsSchema>,
  isApart = false,
): string {
  if (own === null && (known?.active ?? null) === null) return '';
  const problem = own?.problem ? [`Problem: ${own.problem}`] : [];
  if (known === undefined) {
    const version =
      own === null || own.version === null ? 'its own configuration file' : `version ${own.version} of the fleet`;
    return linesText(['', `This host has ${version}. PostgreSQL does not say what the other hosts have.`, ...problem]);
  }
  const { active, hosts } = known;
  const rows = hosts.map((one) => {
    const version = one.version === null ? 'none' : String(one.version);
    const isOld = active !== null && one.version !== active.number;
    const remark =
      one.problem ??
      (isOld ? 'has not taken it yet' : one.departs ? 'DEPARTS from it: rampart reload was run there' : '');
    // Without news this host knows of no other whether it lives.
    return [`  ${one.host}`, version, isApart ? 'not known' : one.lives ? 'lives' : 'silent', remark];
  });
  const head = active === null ? 'The fleet has no version.' : `Version ${active.number} of the fleet is in force.`;
  return linesText(['', head, ...problem, ...alignedLines([['  host', 'version', '', ''], ...rows])]);
}

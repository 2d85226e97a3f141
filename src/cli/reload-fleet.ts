import { z } from 'zod';
import { controlSocket } from '../control/control-socket.ts';
import type { FleetReloadResult } from '../control/fleet/config-result.ts';
import { askControl } from '../control/link.ts';
import { UsageError } from '../core/errors.ts';
import { alignedLines } from './aligned-lines.ts';
import { askingUser } from './asking-user.ts';
import { findInstance } from './instance.ts';
import { type CommandIo, exitCodes } from './io.ts';
import type { Options } from './options.ts';
import { linesText } from './terminal-text.ts';

/** Hosts have 30 s to answer, and further ones to put it in force; PostgreSQL may be slow. */
const ANSWER_LIMIT_MS = 90_000;

/** `rampart reload --fleet`. */
export async function reloadFleet(options: Options, io: CommandIo): Promise<number> {
  const { runFolder, dataDir } = findInstance(io, 'reload');
  const who = `${askingUser()}, rampart reload --fleet`;
  const [dryRun, force] = [options.flag('dry-run'), options.flag('force')];
  const atRestart = options.flag('at-restart');
  const ask = { type: 'ask', what: 'reload-fleet', dryRun, force, atRestart, who } as const;
  const answer = await askControl(controlSocket(runFolder), ask, ANSWER_LIMIT_MS);
  if (answer === undefined)
    throw new UsageError(
      `Cannot reload the fleet, as the control of ${dataDir} does not answer: it hangs, or is of an earlier release. Its log says why; 'rampart fleet status' says what is in force`,
    );
  const result = resultSchema.parse(answer);
  if (result.reason === 'no-fleet')
    throw new UsageError(`Cannot reload the fleet, as this host has none`, result.problems);
  io.stdout.write(options.flag('json') ? `${JSON.stringify(answer, undefined, 2)}\n` : fleetReloadText(result));
  const isDone = result.outcome !== 'refused' && result.hosts.every(({ state }) => state !== 'failed');
  return isDone ? exitCodes.ok : exitCodes.failed;
}

const texts = z.array(z.string());
const resultSchema = z.object({
  outcome: z.enum(['applied', 'unchanged', 'checked', 'refused']),
  reason: z.string().optional(),
  version: z.number().nullable(),
  hosts: z.array(z.object({ host: z.string(), state: z.string(), problems: texts })),
  changes: z.array(z.object({ class: z.string(), text: z.string() })),
  problems: texts,
  remarks: texts,
});

const states: Readonly<Record<string, string>> = {
  accepted: 'can use it',
  refused: 'REFUSES it',
  silent: 'HAS NOT ANSWERED',
  'in-force': 'in force',
  late: 'NOT YET in force',
  'at-restart': 'takes it when it starts again',
  failed: 'FAILED to put it in force',
} satisfies Record<FleetReloadResult['hosts'][number]['state'], string>;

/** The text of `rampart reload --fleet`. */
export function fleetReloadText(result: z.output<typeof resultSchema>): string {
  const { outcome, reason, version, hosts, changes, problems, remarks } = result;
  const before =
    version === null ? 'each host keeps its configuration' : `version ${version} of the fleet stays in force`;
  const isWaiting = hosts.some(({ state }) => state === 'at-restart');
  const heads = {
    applied: `version ${version} of the fleet is ${isWaiting ? 'decided; restart the hosts that wait, one after another' : 'in force'}`,
    unchanged: `nothing to do: version ${version} of the fleet is in force on all hosts, and the file says the same`,
    checked: 'every host can use the file; without --dry-run it would change this',
    refused: reason === 'unknown' ? 'NOT KNOWN whether it is in force' : `refused: nothing has changed, ${before}`,
  };
  return linesText([
    heads[outcome],
    ...alignedLines(hosts.map(({ host, state }) => [`  ${host}`, states[state] ?? state])),
    ...problems.map((problem) => `  - ${problem}`),
    ...changes.map((change) => `  ${change.class.padEnd(8)}${change.text}`),
    ...remarks.map((remark) => `  note    ${remark}`),
  ]);
}

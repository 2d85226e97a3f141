import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadConfig } from '../../config/config.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import type { Slo } from '../../policy/slo/slo.ts';
import { type CommandIo, exitCodes } from '../io.ts';
import type { Options } from '../options.ts';
import { sloForRules } from '../slo-at-start.ts';
import { dashboard } from './dashboard.ts';
import { ruleFile, ruleGroups } from './rule-file.ts';
import { testFile, testsOfDays, testsOfMinutes } from './rule-tests.ts';

const RULES = 'slo-rules.yaml';

interface WrittenFile {
  readonly name: string;
  readonly text: string;
  readonly holds: string;
}

/** Everything that an SLO file gives Prometheus and Grafana; the same text for the same file. */
export function sloFiles(slo: Slo, bounds: readonly number[]): WrittenFile[] {
  const rules = ruleGroups(slo, bounds).flatMap((group) => group.rules);
  const alerts = rules.filter((rule) => 'alert' in rule).length;
  const [minutes, days] = [testsOfMinutes(slo, bounds), testsOfDays(slo)];
  return [
    { name: RULES, text: ruleFile(slo, bounds), holds: `${rules.length - alerts} recording rules, ${alerts} alerts` },
    {
      name: 'slo-rules.test.yaml',
      text: testFile(RULES, '1m', minutes),
      holds: `${minutes.length} histories for promtool test rules`,
    },
    {
      name: 'slo-rules.days.test.yaml',
      text: testFile(RULES, '10m', days),
      holds: `${days.length} histories of hours and days`,
    },
    {
      name: 'slo-dashboard.json',
      text: `${JSON.stringify(dashboard(slo), undefined, 2)}\n`,
      holds: 'a dashboard for Grafana',
    },
  ];
}

/** `rampart slo rules`: prints the rules, or writes all files to a folder. */
export async function writeRules(options: Options, io: CommandIo): Promise<number> {
  const config = await loadConfig(io.env, io.folder, 'write the rules');
  const named = options.text('slo');
  const env = named === undefined ? config.env : { ...config.env, RAMPART_SLO: named };
  const { slo, bounds, remarks } = sloForRules({ routes: config.routes, env }, io);
  for (const remark of remarks) io.stderr.write(`rampart: ${remark}\n`);
  const files = sloFiles(slo, bounds);
  const out = options.text('out');
  const isJson = options.flag('json');
  if (out === undefined) {
    const [rules] = files;
    io.stdout.write(isJson ? jsonOf(files.map(({ name, text }) => ({ name, text }))) : (rules?.text ?? ''));
    return exitCodes.ok;
  }
  const folder = resolve(io.folder, out);
  const written = files.map(({ name, text, holds }) => ({ path: saved(folder, name, text), holds }));
  io.stdout.write(isJson ? jsonOf(written) : textOf(written, folder));
  return exitCodes.ok;
}

const jsonOf = (files: readonly unknown[]): string => `${JSON.stringify({ files }, undefined, 2)}\n`;

function saved(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(`Cannot write ${path}: ${messageOf(error)}; --out needs a folder that can be written`);
  }
  return path;
}

const textOf = (written: readonly { readonly path: string; readonly holds: string }[], folder: string): string =>
  `${written.map(({ path, holds }) => `${path}: ${holds}`).join('\n')}

Name ${RULES} in rule_files of prometheus.yml, and import the dashboard. The tests:
  cd '${folder.replaceAll("'", String.raw`'\''`)}' && promtool test rules slo-rules.test.yaml slo-rules.days.test.yaml
`;

import { loadSlo } from '../config/slo-load.ts';
import type { Config } from '../config/model.ts';
import { UsageError } from '../core/errors.ts';
import { impossibleAlerts } from '../policy/slo/impossible-alerts.ts';
import type { Slo } from '../policy/slo/slo.ts';
import type { CommandIo } from './io.ts';

/** The SLO file of this folder, with a remark for each alert that can never fire. Throws a UsageError for a file that is wrong. */
export function sloOf({ env }: Pick<Config, 'env'>, io: CommandIo, remark: (text: string) => void): Slo | undefined {
  const { slo, problems } = loadSlo(env.RAMPART_SLO, io.folder);
  if (problems.length > 0) throw new UsageError('Cannot use the SLO file:', problems);
  for (const text of slo === undefined ? [] : impossibleAlerts(slo)) remark(`SLO: ${text}`);
  return slo;
}

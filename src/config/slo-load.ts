import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Slo } from '../policy/slo/slo.ts';
import { DEFAULT_SLO_FILE } from './slo-file-name.ts';
import { parseSlo } from './slo-file.ts';

/** The SLO file that is named, or slo.yaml of the folder; undefined where there is none. Does not throw. */
export function loadSlo(
  named: string | undefined,
  folder: string,
): { readonly slo: Slo | undefined; readonly problems: readonly string[] } {
  const path = resolve(folder, named ?? DEFAULT_SLO_FILE);
  if (named === undefined && !existsSync(path)) return { slo: undefined, problems: [] };
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { slo: undefined, problems: [`RAMPART_SLO must name a file that can be read: ${messageOf(error)}`] };
  }
  const parsed = parseSlo(text, named ?? DEFAULT_SLO_FILE);
  return parsed.ok ? { slo: parsed.slo, problems: [] } : { slo: undefined, problems: parsed.problems };
}

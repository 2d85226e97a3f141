import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../core/errors.ts';
import { placeOf } from '../core/error-place.ts';
import { importFile } from './file-modules.ts';
import { referenceProblems } from './file-references.ts';
import { fileSchema, type ParsedConfigFile } from './file-schema.ts';
import { withTexts } from './file-texts.ts';
import { referencesOfSoundParts } from './sound-parts.ts';
import { inPlainWords, problemLines } from './plain-words.ts';

export const DEFAULT_FILE = 'rampart.config.ts';

/** A configuration file with its problems, each one sentence with the path of the value. */
export interface ReadFile {
  readonly file: ParsedConfigFile;
  readonly problems: readonly string[];
}

/** Loads the configuration file, if there is one. */
export async function loadConfigFile(named: string | undefined, folder: string): Promise<ReadFile> {
  const path = resolve(folder, named ?? DEFAULT_FILE);
  if (!existsSync(path)) {
    return { file: {}, problems: named === undefined ? [] : [`RAMPART_CONFIG must name a file: got '${named}'`] };
  }
  let loaded: { default?: unknown };
  try {
    loaded = await importFile(pathToFileURL(path).href);
  } catch (error) {
    return { file: {}, problems: [`${path} cannot be loaded: ${placeText(error, path)}${messageOf(error)}`] };
  }
  return parseConfigFile(loaded.default, path);
}

function placeText(error: unknown, path: string): string {
  const place = placeOf(error);
  if (place === undefined) return '';
  return place.file === path ? `line ${place.line}: ` : `${place.file}, line ${place.line}: `;
}

/** Checks the value that a configuration file exports. */
export function parseConfigFile(value: unknown, path: string): ReadFile {
  const parsed = fileSchema.safeParse(value, { error: inPlainWords, reportInput: true });
  if (parsed.success) {
    const { file, problems } = withTexts(parsed.data, dirname(path));
    return { file, problems: [...referenceProblems(file, path), ...problems.map((problem) => `${path}: ${problem}`)] };
  }
  const { issues } = parsed.error;
  const ofOthers = referencesOfSoundParts(value, issues, path);
  return { file: {}, problems: [...problemLines(issues, path, 'the default export'), ...ofOthers] };
}

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import { parseConfigFile, type ReadFile } from '../../config/file.ts';
import { applyOverrides, type Override } from '../../config/overrides.ts';
import { hiddenAt } from '../../config/redaction.ts';
import { contentHash } from '../../core/canonical-json.ts';

/** An earlier version that is in force again, until the configuration file changes. */
export interface PinnedVersion {
  readonly version: number;
  /** Of the file from which it takes over. */
  readonly baseHash: string;
  readonly file: unknown;
}

/** What the configuration in force is made of: the file, what the admin API has set beside it, and a version in its place. */
export interface ConfigLayers {
  readonly base: ParsedConfigFile;
  readonly overrides: readonly Override[];
  readonly pin: PinnedVersion | undefined;
}

export interface EffectiveConfig extends ReadFile {
  readonly layers: ConfigLayers;
  /** What has become of the layers, as sentences. */
  readonly remarks: readonly string[];
}

/** The configuration of these layers; a file that has changed ends a pin, and overrides of the values that it changes. */
export function effectiveOf({ base, overrides, pin }: ConfigLayers): EffectiveConfig {
  if (pin !== undefined && pin.baseHash === contentHash(base)) {
    const remarks = [`version ${pin.version} is in force in place of the file, until the file changes`];
    return { ...parseConfigFile(pin.file, 'the configuration'), layers: { base, overrides, pin }, remarks };
  }
  const { file, applied, superseded } = applyOverrides(base, overrides);
  const ended = pin === undefined ? [] : [`the file has changed: version ${pin.version} is no longer in its place`];
  const remarks = [...ended, ...superseded.map(supersededText)];
  const layers = { base, overrides: applied, pin: undefined };
  return { ...parseConfigFile(file, 'the configuration'), layers, remarks };
}

function supersededText({ path, value, who }: Override): string {
  const name = path.join('.');
  const what = value === undefined ? 'taken away' : `set to ${JSON.stringify(hiddenAt(name, value))?.slice(0, 120)}`;
  return `the file has changed ${name}, which ${who} had ${what}: the file wins`;
}

const FILE_NAME = 'layers.json';

const savedLayers = z.object({
  overrides: z.array(
    z.object({
      path: z.array(z.string()).min(1),
      base: z.unknown().optional(),
      value: z.unknown().optional(),
      who: z.string(),
      atMs: z.number(),
      persist: z.boolean(),
    }),
  ),
  pin: z.object({ version: z.int(), baseHash: z.string(), file: z.unknown() }).optional(),
});

/** Saves what survives a restart of control. Throws the system's error. */
export function saveLayers(folder: string, { overrides, pin }: ConfigLayers): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, FILE_NAME);
  const saved = { overrides: overrides.filter(({ persist }) => persist), pin };
  writeFileSync(`${path}.new`, JSON.stringify(saved), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The layers over this file at a start of control. A file that cannot be read, or has another shape, is ignored. */
export function loadLayers(folder: string, base: ParsedConfigFile): ConfigLayers {
  try {
    const { overrides, pin } = savedLayers.parse(JSON.parse(readFileSync(join(folder, FILE_NAME), 'utf8')));
    return { base, overrides: overrides as Override[], pin: pin as PinnedVersion | undefined };
  } catch {
    return { base, overrides: [], pin: undefined };
  }
}

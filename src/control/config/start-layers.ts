import { join } from 'node:path';
import type { Logger } from 'pino';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import type { Config } from '../../config/model.ts';
import type { ConfigSource } from './config-source.ts';
import { type ConfigLayers, effectiveOf, loadLayers } from './config-layers.ts';

export interface StartConfig {
  readonly config: Config;
  readonly file: ParsedConfigFile;
  readonly layers: ConfigLayers;
}

/**
 * The configuration of a control that starts: the file, with the overrides that persist and the version that is pinned.
 * `config`: that of the process. Where these do not fit the file any more, the file alone.
 */
export function layersAtStart(base: ParsedConfigFile, config: Config, source: ConfigSource, log: Logger): StartConfig {
  const { file, problems, layers, remarks } = effectiveOf(loadLayers(join(config.dataDir, 'config'), base));
  const built = problems.length > 0 ? { config: undefined, problems } : source.build(file, config);
  if (built.config !== undefined) {
    for (const remark of remarks) log.info(remark);
    return { config: built.config, file, layers };
  }
  const msg = 'the changes by the admin API do not fit the configuration file any more: the file alone is in force';
  log.error({ problems: built.problems, msg });
  const alone = source.build(base, config);
  return { config: alone.config ?? config, file: base, layers: { base, overrides: [], pin: undefined } };
}

import type { Config } from '../../src/config/model.ts';
import { ConfigSource } from '../../src/control/config/config-source.ts';
import type { ControlDependencies } from '../../src/control/control-dependencies.ts';
import { systemClock } from '../../src/core/clock.ts';

/** The configuration of a control of a test that never reloads; its versions are written to this folder. */
export const fixedConfig = (
  config: Config,
  folder: string,
): Pick<ControlDependencies, 'config' | 'file' | 'layers' | 'source'> => ({
  config: { ...config, dataDir: folder },
  file: {},
  layers: { base: {}, overrides: [], pin: undefined },
  source: new ConfigSource({ processEnv: {}, env: {}, folder, clock: systemClock }),
});

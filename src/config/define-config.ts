import type { ConfigFile } from './file-schema.ts';

export type { ConfigFile };

/** Gives a configuration file its types: `export default defineConfig({ … })`, from `rampart/config`. */
export function defineConfig(config: ConfigFile): ConfigFile {
  return config;
}

/** What a configuration file imports: `import { defineConfig } from 'rampart/config'`. */
export { defineConfig, type ConfigFile } from './file.ts';

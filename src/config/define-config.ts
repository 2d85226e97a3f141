/** For configuration files: `import { defineConfig } from 'rampart/config'`. */
export { defineConfig, type ConfigFile } from './file.ts';

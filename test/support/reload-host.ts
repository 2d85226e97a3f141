import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigFile } from '../../src/config/define-config.ts';
import { type LoadedApp, startLoadedApp } from './loaded-app.ts';
import { type CommandResult, freePorts, type Stack, startStack, stackSettings } from './stack.ts';

/** `rampart start` with a configuration file of its own before an application of some instances. */
export interface ReloadHost {
  readonly stack: Stack;
  readonly app: LoadedApp;
  /** The configuration file. */
  readonly path: string;
  write(config: ConfigFile | string): void;
  /** Writes the configuration and reloads it. */
  reload(config: ConfigFile | string, ...args: string[]): Promise<CommandResult>;
  version(): Promise<number>;
  /** The version that each worker has confirmed. */
  workerVersions(): Promise<readonly (number | null)[]>;
  stop(): Promise<void>;
}

export interface ReloadStatus {
  readonly config: { readonly version: number; readonly agreed: boolean };
  readonly workers: readonly {
    readonly pid: number;
    readonly instance: number;
    readonly config_version: number | null;
  }[];
}

/** `configOf`: the first configuration, from the origins of the application. */
export async function startReloadHost(
  configOf: (origins: readonly string[]) => ConfigFile,
  { instances = 4, env = {} }: { instances?: number; env?: Record<string, string> } = {},
): Promise<ReloadHost> {
  const app = await startLoadedApp(await freePorts(instances), instances);
  const settings = await stackSettings();
  const path = join(settings['RAMPART_DATA_DIR'] as string, 'rampart.config.ts');
  const write = (config: ConfigFile | string): void =>
    writeFileSync(path, typeof config === 'string' ? config : `export default ${JSON.stringify(config)};\n`);
  write(configOf(app.origins));
  const stack = await startStack({ ...settings, GENERATOR_INSTANCES: '0', RAMPART_CONFIG: path, ...env });
  const status = async (): Promise<ReloadStatus> =>
    (await (await fetch(`${stack.adminUrl}/api/status`)).json()) as ReloadStatus;
  return {
    stack,
    app,
    path,
    write,
    reload: (config, ...args) => {
      write(config);
      return stack.run('reload', ...args);
    },
    version: async () => (await status()).config.version,
    workerVersions: async () => (await status()).workers.map((worker) => worker.config_version),
    stop: async () => {
      await stack.stop();
      app.close();
    },
  };
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { configurationAtStart } from '../../src/cli/configuration-at-start.ts';
import { nextStartProblems } from '../../src/cli/start-problems.ts';
import { configWithFile } from '../../src/config/config.ts';
import { parseConfigFile, type ReadFile } from '../../src/config/file.ts';
import { ConfigSource } from '../../src/control/config/config-source.ts';
import { Control } from '../../src/control/control.ts';
import type { ChangeRequest } from '../../src/control/config/change-request.ts';
import type { FleetReloadResult } from '../../src/control/fleet/config-result.ts';
import { fleetLibrary } from '../../src/control/fleet/fleet-function.ts';
import { systemClock } from '../../src/core/clock.ts';
import { newsFunctions } from '../../src/store/valkey/news-functions.ts';
import { tokenFunctions } from '../../src/store/valkey/token-functions.ts';
import type { ValkeyClient } from '../../src/store/valkey/valkey-client.ts';
import type { Store } from '../../src/store/store.ts';
import { quietInstruments } from './instruments.ts';
import { temporaryFolder } from './postgres.ts';
import { closers } from './proxying.ts';
import { valkeyClient } from './valkey-client.ts';

export interface FleetConfigHostOptions {
  readonly host: string;
  readonly valkeyUrl: string;
  readonly store: Store;
}

/** A configuration file that needs no process to be evaluated. */
class FileInMemory extends ConfigSource {
  readonly #read: () => ReadFile;

  constructor(options: ConstructorParameters<typeof ConfigSource>[0], read: () => ReadFile) {
    super(options);
    this.#read = read;
  }

  override read(): Promise<ReadFile> {
    return Promise.resolve(this.#read());
  }
}

/** The control of one host of a fleet in this process, with a folder and a configuration file of its own. It has no workers. */
export class FleetConfigHost {
  readonly #options: FleetConfigHostOptions;
  readonly #valkey: ValkeyClient;
  readonly folder: string;
  #value: unknown;
  /** What control has logged. */
  readonly logged: string[] = [];
  control!: Control;

  private constructor(options: FleetConfigHostOptions, folder: string) {
    this.#options = options;
    this.folder = folder;
    this.#valkey = valkeyClient(options.valkeyUrl, options.host, [tokenFunctions, fleetLibrary, newsFunctions]);
  }

  static async start(options: FleetConfigHostOptions): Promise<FleetConfigHost> {
    const host = new FleetConfigHost(options, await temporaryFolder());
    closers.push(async () => {
      await host.control?.close();
      host.#valkey.close();
    });
    host.write('first');
    await host.startControl();
    return host;
  }

  /** Changes the configuration file: one route that answers with this text. */
  write(body: string, more: Record<string, unknown> = {}): void {
    this.#value = this.file(body, more);
  }

  /** A configuration with one route that answers with this text. */
  file(body: string, more: Record<string, unknown> = {}): unknown {
    const routes = [{ endpoint: 'text', path: '/text', static: { status: 200, body }, authenticate: false }];
    return { routes, ...more };
  }

  /** The text of the configuration in force. */
  get text(): string | undefined {
    return this.control.config.routes.find(({ endpoint }) => endpoint === 'text')?.static?.body;
  }

  get status() {
    return this.control.fleetConfig?.follower.status() ?? null;
  }

  async startControl(): Promise<void> {
    const { host, valkeyUrl, store } = this.#options;
    const dataDir = join(this.folder, 'data');
    const runFolder = join(dataDir, 'run');
    mkdirSync(runFolder, { recursive: true });
    const urls = { VALKEY_URL: valkeyUrl, DATABASE_URL: 'postgresql://common.example/rampart' };
    const env = { ...urls, GENERATOR_INSTANCES: '0', RAMPART_DATA_DIR: dataDir };
    const read = (): ReadFile => parseConfigFile(this.#value, join(this.folder, 'rampart.config.ts'));
    const { file } = read();
    const config = configWithFile(env, file, this.folder);
    const log = pino({ level: 'warn' }, { write: (line: string) => void this.logged.push(line) });
    const source = new FileInMemory({ processEnv: env, env, folder: this.folder, clock: systemClock }, read);
    const context = { base: file, config, log, clock: systemClock };
    this.control = new Control({
      ...quietInstruments(),
      ...(await configurationAtStart(context, source, store.fleetConfig)),
      source,
      startProblems: (next) => nextStartProblems(next, source),
      clock: systemClock,
      random: Math.random,
      log,
      version: '1',
      valkey: this.#valkey,
      host,
      fleetNews: store.fleetNews,
      runFolder,
      stateFolder: dataDir,
    });
    await this.control.listen();
  }

  /** The hosts that it knows. */
  get live(): readonly string[] {
    return this.control.caches.news?.live().names ?? [];
  }

  get isApart(): boolean {
    return this.control.caches.news?.live().isApart ?? true;
  }

  async reload(request: ChangeRequest): Promise<FleetReloadResult> {
    const { fleetConfig } = this.control;
    if (fleetConfig === undefined) throw new Error('there is no fleet');
    return fleetConfig.reload(request);
  }

  /** From now on it does nothing about versions of the fleet. */
  deafen(): void {
    this.control.fleetConfig?.follower.close();
  }

  stopControl(): Promise<void> {
    return this.control.close();
  }
}

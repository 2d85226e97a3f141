import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import { Control } from '../../src/control/control.ts';
import type { ControlDependencies } from '../../src/control/control-dependencies.ts';
import { controlSocket } from '../../src/control/control-socket.ts';
import { ControlLink } from '../../src/control/link.ts';
import { systemClock } from '../../src/core/clock.ts';
import { machineOffsetMs } from '../../src/core/machine-time.ts';
import type { KeyStore } from '../../src/store/keys.ts';
import type { ControlMessage } from '../../src/protocol/messages.ts';
import { fleetLibrary } from '../../src/control/fleet/fleet-function.ts';
import { newsFunctions } from '../../src/store/valkey/news-functions.ts';
import { tokenFunctions } from '../../src/store/valkey/token-functions.ts';
import { ValkeyCache } from '../../src/store/valkey/valkey-cache.ts';
import type { ValkeyClient } from '../../src/store/valkey/valkey-client.ts';
import { startOpenAdmin } from './admin.ts';
import { fixedConfig } from './config-source.ts';
import { get } from './caching.ts';
import type { TestGateway, TestGatewayOptions } from './gateway.ts';
import { quietInstruments } from './instruments.ts';
import { closers, startGateway } from './proxying.ts';
import { eventually } from './raw.ts';
import { valkeyClient } from './valkey-client.ts';

export interface FleetCacheOptions extends TestGatewayOptions {
  readonly host: string;
  readonly valkeyUrl: string;
  /** The cache that hosts share, and how long a look-up may take; a busy machine needs more than ten milliseconds. */
  readonly shared?: { readonly url: string; readonly timeoutMs: number };
  /** The origin of the backend. */
  readonly origin: string;
  /** The keys that the admin API manages. */
  readonly keys?: KeyStore;
  readonly fleetNews?: ControlDependencies['fleetNews'];
  readonly authenticate?: boolean;
  readonly cache?: NonNullable<TestGatewayOptions['routes']>[number]['cache'];
}

/** `fleet_news` of the status. */
export interface NewsStatus {
  readonly state: 'connected' | 'apart';
  readonly hosts: readonly string[];
  readonly position: number;
  readonly stream: string | null;
}

/** The reply of a change that all hosts carry out. */
export interface FleetReply {
  readonly status: number;
  readonly body: {
    readonly workers?: number;
    readonly hosts?: number;
    readonly acknowledged?: number;
    readonly missing?: readonly string[];
    readonly detail?: string;
  };
}

/** Two workers and one control of a fleet, all in this process, with a cached route to one backend. */
export class FleetCacheHost {
  readonly #options: FleetCacheOptions;
  readonly #folder: string;
  readonly #valkey: ValkeyClient;
  readonly #links: ControlLink[] = [];
  /** Messages to workers are kept back, as if they hung. */
  #held: (() => void)[] | undefined;
  workers: readonly TestGateway[] = [];
  control!: Control;
  #adminPort = 0;
  #closeControl: () => Promise<void> = async () => {};

  private constructor(options: FleetCacheOptions) {
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), 'rampart-fleet-cache-'));
    this.#valkey = valkeyClient(options.valkeyUrl, options.host, [tokenFunctions, fleetLibrary, newsFunctions]);
  }

  /** Resolves when its workers have the trust of control. */
  static async start(options: FleetCacheOptions): Promise<FleetCacheHost> {
    const host = new FleetCacheHost(options);
    closers.push(() => host.#close());
    await host.startControl();
    for (const instance of [0, 1]) await host.#startWorker(instance);
    await host.isConnected();
    return host;
  }

  get news(): NewsStatus {
    return this.control.status()['fleet_news'] as NewsStatus;
  }

  /** Waits until it hears of purges, and its workers are there. */
  async isConnected(): Promise<void> {
    await eventually(`${this.#options.host} is connected`, () => this.news.state === 'connected');
    await eventually('its workers are there', () => (this.control.status()['workers'] as unknown[]).length === 2);
  }

  /** One more worker, as one that was started in the place of a killed one. */
  async addWorker(): Promise<TestGateway> {
    await this.#startWorker(this.workers.length);
    await eventually(
      'it is there',
      () => (this.control.status()['workers'] as unknown[]).length === this.workers.length,
    );
    return this.workers.at(-1) as TestGateway;
  }

  /** Takes the place of the control before it. */
  async startControl(): Promise<void> {
    const { env } = await loadConfig({ GENERATOR_INSTANCES: '1' }, import.meta.dirname);
    const upstreams = { app: { backends: [this.#options.origin] } };
    const routes = [{ endpoint: 'app', path: '/*', upstream: 'app', cache: { ttlSeconds: 60 } }];
    const config = buildConfig(env, { upstreams, routes }, import.meta.dirname, new Set());
    const { host, fleetNews } = this.#options;
    const log = pino({ level: 'silent' });
    const more = { clock: systemClock, random: Math.random, log, version: '1', valkey: this.#valkey, host, fleetNews };
    const control = new Control({
      ...quietInstruments(),
      ...fixedConfig(config, this.#folder),
      ...more,
      runFolder: this.#folder,
    });
    await control.listen();
    const admin = await startOpenAdmin(control, { keys: this.#options.keys });
    this.control = control;
    this.#adminPort = (admin.address() as AddressInfo).port;
    this.#closeControl = async () => {
      admin.close();
      admin.closeAllConnections();
      await control.close();
    };
  }

  stopControl(): Promise<void> {
    return this.#closeControl();
  }

  /** From now on its workers do not read what control says, until it is undone. */
  hang(): () => void {
    this.#held = [];
    return () => {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const apply of held) apply();
    };
  }

  /** The replies of both workers. */
  async ask(path: string, headers: Record<string, string> = {}): Promise<{ body: string; cacheStatus: string }[]> {
    const replies = [];
    for (const worker of this.workers) replies.push(await get(worker, path, headers));
    return replies;
  }

  async purge(body: object = {}): Promise<FleetReply> {
    return this.#change('POST', '/api/cache/purge', JSON.stringify(body));
  }

  async revoke(keyId: string): Promise<FleetReply> {
    return this.#change('DELETE', `/api/keys/${keyId}`, '');
  }

  #change(method: string, path: string, body: string): Promise<FleetReply> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const req = request({ port: this.#adminPort, path, method, headers, agent: false }, (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => (text += chunk.toString()));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) as FleetReply['body'] }));
      });
      req.on('error', reject);
      req.end(body);
    });
  }

  async #startWorker(instance: number): Promise<void> {
    const { origin, valkeyUrl, shared, cache = { ttlSeconds: 60 }, ...more } = this.#options;
    const env = { VALKEY_URL: valkeyUrl, ...more.env };
    const worker: TestGateway = await startGateway([origin], {
      ...more,
      cache,
      env,
      sharedStore: shared && openSharedCache(shared),
      sendCacheReport: (report) => link.tell(report),
    });
    const member = `m${instance}`;
    const link: ControlLink = new ControlLink({
      socketPath: controlSocket(this.#folder),
      hello: { type: 'hello', member, role: 'gateway', instance, pid: instance, version: '1', startedAtMs: 0 },
      ...quietInstruments(),
      clock: systemClock,
      random: () => 0.5,
      status: () => worker.gateway.status(),
      onConnected: () => void worker.gateway.controlFound(),
      onLost: () => worker.gateway.controlLost(),
      onMessage: (message) => {
        if (this.#held === undefined) apply(worker, message);
        else this.#held.push(() => apply(worker, message));
      },
    });
    this.#links.push(link);
    this.workers = [...this.workers, worker];
  }

  async #close(): Promise<void> {
    for (const link of this.#links) await link.close();
    await this.#closeControl();
    this.#valkey.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const openSharedCache = ({ url, timeoutMs }: NonNullable<FleetCacheOptions['shared']>): ValkeyCache =>
  new ValkeyCache(valkeyClient(url, 'shared-cache'), timeoutMs);

function apply({ gateway }: TestGateway, message: ControlMessage): void {
  if (message.type === 'forget' || message.type === 'invalidated') gateway.applyCache(message);
  else if (message.type === 'keys-changed') gateway.forgetKeys();
  else if (message.type === 'trust') gateway.trustStored(message.until - machineOffsetMs(systemClock), message.news);
}

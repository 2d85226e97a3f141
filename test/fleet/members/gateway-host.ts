import { cpSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { endProcess, processesOf, rampartEntry } from '../../support/stack.ts';
import { eventually } from '../../support/raw.ts';
import type { Place } from '../network.ts';
import { Member } from './member.ts';
import { signalAll } from './signals.ts';

export interface HostSettings {
  readonly workers: number;
  readonly backends: readonly string[];
  readonly cap: number;
  /** Routes beside that of the upstream, which takes every other path. */
  readonly routes: readonly object[];
  /** More settings of the upstream, such as `scope: 'fleet'`. */
  readonly upstream?: Readonly<Record<string, unknown>>;
  /** Upstreams beside it. */
  readonly upstreams?: Readonly<Record<string, object>>;
  /** More environment variables, such as VALKEY_URL. */
  readonly env?: Readonly<Record<string, string>>;
}

export type HostRole = 'control' | 'gateway' | 'batch';

const PORT = 8080;
const ADMIN_PORT = 8081;
const ADMIN_TOKEN = 'the-token-of-a-fleet-in-namespaces';
/** Where Rampart's own endpoints are; every other path is that of the upstream. */
const OWN_PREFIX = '/rampart';
const START_LIMIT_MS = 60_000;
/** A host that ends still serves for this long and closes its connections by replies. */
const LAME_DUCK_MS = 1000;
const DRAIN_LIMIT_MS = 30_000;

/** A host of gateways: `rampart start` in a network namespace, with a folder of its own. */
export class GatewayHost {
  readonly place: Place;
  readonly #settings: HostSettings;
  readonly #folder: string;
  #main: Member | undefined;
  #output = '';

  constructor(place: Place, settings: HostSettings) {
    this.place = place;
    this.#settings = settings;
    this.#folder = join('/run/hosts', place.name);
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, 'rampart.config.mjs'), `export default ${JSON.stringify(this.#config())};\n`);
  }

  get url(): string {
    return `http://${this.place.address}:${PORT}`;
  }

  get adminUrl(): string {
    return `http://${this.place.address}:${ADMIN_PORT}`;
  }

  get readyUrl(): string {
    return `${this.ownUrl}/readyz`;
  }

  /** Where its own endpoints are, such as those of batches. */
  get ownUrl(): string {
    return `${this.url}${OWN_PREFIX}`;
  }

  get output(): string {
    return this.#output + (this.#main?.output ?? '');
  }

  /** Starts all of it; resolves when it serves. */
  async start(): Promise<void> {
    this.#launch('start');
    await this.#main?.said('Ctrl-C stops everything', START_LIMIT_MS);
    await this.served();
  }

  /** Sends something to its admin API as JSON. */
  administer(path: string, body: object, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.adminUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
  }

  /** Makes an API key. */
  async createKey(): Promise<string> {
    const reply = await this.administer('/api/keys', { name: 'fleet' });
    if (!reply.ok) throw new Error(`${this.place.name} made no key: ${await reply.text()}`);
    return ((await reply.json()) as { readonly key: string }).key;
  }

  /** Starts control alone: to the other hosts it is a host that has joined. */
  startControl(): void {
    this.#launch('control');
  }

  /** Waits until a request passes through it: workers have their permits. */
  async served(): Promise<void> {
    await eventually(
      `${this.place.name} serves`,
      async () => {
        const status = await fetch(`${this.url}/work?ms=1`, { signal: AbortSignal.timeout(2000) }).then(
          (reply) => reply.status,
          () => 0,
        );
        return status === 200;
      },
      START_LIMIT_MS,
    );
  }

  /** Waits until it has a floor that it keeps without Valkey: a fleet that has just begun assigns floors after it has learnt. */
  async keepsFloor(): Promise<void> {
    await eventually(
      `${this.place.name} keeps a floor`,
      async () => {
        const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
        const reply = await fetch(`${this.adminUrl}/api/status`, { headers, signal: AbortSignal.timeout(2000) });
        const { fleet } = (await reply.json()) as { fleet: { backends: readonly { floor: number }[] } | null };
        return fleet !== null && fleet.backends.length > 0 && fleet.backends.every(({ floor }) => floor > 0);
      },
      START_LIMIT_MS,
    );
  }

  /** As a service manager stops it: what runs ends first. */
  async stop(): Promise<void> {
    if (this.#main === undefined) return;
    const ended = endProcess(this.#main.child, 'SIGTERM');
    const late = AbortSignal.timeout(DRAIN_LIMIT_MS);
    const isLate = new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(new Error(`${this.place.name} did not drain: ${this.output}`)));
    });
    await Promise.race([ended, isLate]);
  }

  /** As a power cut ends it: all processes at once. */
  kill(): void {
    signalAll(this.pids(), 'SIGKILL');
  }

  /** Removes what it kept: the next start is that of a new host. */
  forget(): void {
    rmSync(join(this.#folder, 'data'), { recursive: true, force: true });
  }

  /** Takes over what another host keeps, its identity included; not what its supervisor knows of processes. */
  copyFrom(other: GatewayHost): void {
    const filter = (path: string): boolean => {
      const found = lstatSync(path);
      return (found.isFile() || found.isDirectory()) && basename(path) !== 'processes';
    };
    cpSync(join(other.#folder, 'data'), join(this.#folder, 'data'), { recursive: true, filter });
  }

  /** Ids of all its processes. */
  pids(): number[] {
    return processesOf(this.#folder);
  }

  /** Ids of its processes of a role, oldest first. */
  pidsOf(role: HostRole): number[] {
    return this.pids().filter((pid) => {
      const [, entry, said] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return entry === rampartEntry && said === role;
    });
  }

  #launch(command: 'start' | 'control'): void {
    this.#output = this.output;
    this.#main = new Member(this.place, process.execPath, [rampartEntry, command], this.#env());
  }

  #env(): Record<string, string> {
    return {
      HOST: this.place.address,
      PORT: String(PORT),
      ADMIN_HOST: this.place.address,
      ADMIN_PORT: String(ADMIN_PORT),
      ADMIN_TOKEN,
      GATEWAY_WORKERS: String(this.#settings.workers),
      GENERATOR_INSTANCES: '0',
      BATCH_WORKERS: '0',
      SHUTDOWN_DELAY_MS: String(LAME_DUCK_MS),
      RAMPART_DATA_DIR: join(this.#folder, 'data'),
      RAMPART_CONFIG: join(this.#folder, 'rampart.config.mjs'),
      ...this.#settings.env,
    };
  }

  #config(): object {
    const { backends, cap, routes, upstream, upstreams } = this.#settings;
    const work = { backends, cap, healthPath: '/healthz', queueTimeoutMs: 5000, ...upstream };
    const route = { endpoint: 'work', path: '/*', upstream: 'work', authenticate: false };
    return { upstreams: { work, ...upstreams }, routes: [...routes, route], builtin: { prefix: OWN_PREFIX } };
  }
}

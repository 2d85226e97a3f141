import { seededRandom } from '../../src/core/random.ts';
import { type ClientCall, Clients } from './clients.ts';
import { BackendHost, type ServedRequest } from './members/backend-host.ts';
import { GatewayHost } from './members/gateway-host.ts';
import { ValkeyGroup } from './members/valkey-group.ts';
import { FleetNetwork } from './network.ts';

export interface FleetOptions {
  readonly hosts: number;
  readonly workers: number;
  /** The cap of the backend, which every host is told. */
  readonly cap: number;
  readonly serviceMs: number;
  /** Users in a closed loop at each host; more than `cap` keep even a single host busy. */
  readonly usersPerHost: number;
  readonly seed: number;
  /** Settings of the upstream that make its cap one of the fleet; none: hosts without a ledger. */
  readonly upstream: Readonly<Record<string, unknown>> | undefined;
}

/** Hosts, a backend, clients and a ledger, in network namespaces. */
export class Fleet {
  readonly options: FleetOptions;
  readonly network: FleetNetwork;
  readonly backend: BackendHost;
  readonly valkey: ValkeyGroup;
  readonly hosts: readonly GatewayHost[];
  #clients: Clients[] = [];
  #joiners: GatewayHost[] = [];
  #twin: GatewayHost | undefined;

  constructor(options: FleetOptions) {
    this.options = options;
    this.network = new FleetNetwork();
    this.backend = new BackendHost(this.network.add('backend'), options.serviceMs);
    this.valkey = new ValkeyGroup(this.network, options.hosts, seededRandom(options.seed));
    this.hosts = Array.from({ length: options.hosts }, (_, index) => this.#host(`host${index + 1}`, index));
  }

  async start(): Promise<void> {
    await this.backend.up();
    await this.valkey.start();
    await Promise.all(this.hosts.map((host) => host.start()));
  }

  load(): void {
    const users = this.options.usersPerHost;
    this.#clients = this.hosts.map(({ place, url }) => new Clients({ host: place.name, url, users }));
  }

  /** Every call that has ended. */
  get calls(): ClientCall[] {
    return this.#clients.flatMap(({ calls }) => calls);
  }

  /** Every request at the backend. */
  served(): Promise<ServedRequest[]> {
    return this.backend.requests();
  }

  /** More hosts, all at once: each is a control, as that is what talks to the ledger. */
  join(count: number): void {
    for (let index = this.#joiners.length; index < count; index++)
      this.#joiners.push(this.#host(`join${index + 1}`, index % this.options.hosts));
    for (const joiner of this.#joiners.slice(0, count)) joiner.startControl();
  }

  async part(): Promise<void> {
    await Promise.all(this.#joiners.map((joiner) => joiner.stop()));
  }

  /** A second host with the data, and so the identity, of one that runs: the copy of a virtual machine. */
  async startTwin(host: number): Promise<void> {
    const original = this.hosts[host];
    if (original === undefined) throw new Error(`The fleet has no host ${host}`);
    this.#twin ??= this.#host('twin', host);
    this.#twin.copyFrom(original);
    this.#twin.startControl();
  }

  async stopTwin(): Promise<void> {
    await this.#twin?.stop();
    this.#twin?.forget();
  }

  /** Ends the load; resolves when every call has its answer. */
  async quiet(): Promise<void> {
    await Promise.all(this.#clients.map((clients) => clients.stop()));
  }

  #host(name: string, relay: number): GatewayHost {
    const { workers, cap, upstream } = this.options;
    const backends = [this.backend.url];
    const ledger = upstream && { upstream, env: { VALKEY_URL: this.valkey.urlFor(relay) } };
    return new GatewayHost(this.network.add(name), { workers, cap, backends, ...ledger });
  }
}

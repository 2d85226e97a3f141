import { seededRandom } from '../../src/core/random.ts';
import { type ClientCall, Clients } from './clients.ts';
import { type LimitedCall, LimitedClients, limitedRoute } from './limited-clients.ts';
import { BackendHost } from './members/backend-host.ts';
import { GatewayHost } from './members/gateway-host.ts';
import { SharedServers } from './members/shared-servers.ts';
import { ValkeyGroup } from './members/valkey-group.ts';
import { FleetNetwork } from './network.ts';
import { pageRoute, pageUpstream } from './page-clients.ts';
import { type SharedHistory, SharedLoad } from './shared-load.ts';

export interface FleetOptions {
  readonly hosts: number;
  readonly workers: number;
  /** What the backend takes at a time. */
  readonly cap: number;
  /** What each host is told. */
  readonly hostCap: number;
  readonly serviceMs: number;
  /** Users in a closed loop at each host; more than `cap` keep even a single host busy. */
  readonly usersPerHost: number;
  /** The part of the calls that take ten times as long. */
  readonly stragglers: number;
  readonly seed: number;
  /** Whether hosts know Valkey. */
  readonly hasLedger: boolean;
  /** Whether hosts also share a PostgreSQL and a cache. Then pages are read and purged, and batches are worked on. */
  readonly hasShared: boolean;
  /** Settings of the upstream that make its cap one of the fleet. */
  readonly upstream: Readonly<Record<string, unknown>>;
  /** A limit of all clients together. */
  readonly limit: { readonly perSecond: number; readonly burst: number };
  /** Places for hosts that may join later. */
  readonly joiners: number;
}

interface FleetMembers {
  readonly backend: BackendHost;
  readonly valkey: ValkeyGroup;
  readonly shared: SharedServers | undefined;
  readonly hosts: readonly GatewayHost[];
  /** Hosts that are not there yet. */
  readonly joiners: readonly GatewayHost[];
  /** One that takes over the identity of another. */
  readonly twin: GatewayHost;
}

const STRAGGLER_FACTOR = 10;
/** So many times its limit is sent to the limited route. */
const OVERLOAD = 3;

/** Hosts, a backend, clients and a ledger, in network namespaces. */
export class Fleet {
  readonly options: FleetOptions;
  readonly network: FleetNetwork;
  readonly #members: FleetMembers;
  #clients: Clients[] = [];
  #limited: LimitedClients[] = [];
  #sharedLoad: SharedLoad | undefined;

  private constructor(options: FleetOptions, network: FleetNetwork, members: FleetMembers) {
    this.options = options;
    this.network = network;
    this.#members = members;
  }

  /** Makes the namespaces. Nothing runs yet but the backend. */
  static async place(options: FleetOptions): Promise<Fleet> {
    const network = new FleetNetwork();
    await network.open();
    const backend = new BackendHost(await network.add('backend'), options.serviceMs);
    const valkey = await ValkeyGroup.place(network, options.hosts, seededRandom(options.seed));
    const { workers, hostCap, upstream, hasLedger, hasShared, limit } = options;
    const shared = hasShared ? await SharedServers.place(network) : undefined;
    const routes = [limitedRoute(limit.perSecond, limit.burst), pageRoute];
    const host = async (name: string, relay: number): Promise<GatewayHost> => {
      const env: Record<string, string> = { ...shared?.env, ...(hasLedger && { VALKEY_URL: valkey.urlFor(relay) }) };
      return new GatewayHost(await network.add(name), {
        workers,
        routes,
        upstream,
        upstreams: pageUpstream(backend.url),
        env,
        cap: hostCap,
        backends: [backend.url],
      });
    };
    const named = async (prefix: string, count: number): Promise<GatewayHost[]> => {
      const made: GatewayHost[] = [];
      for (let index = 0; index < count; index++) made.push(await host(`${prefix}${index + 1}`, index % options.hosts));
      return made;
    };
    const hosts = await named('host', options.hosts);
    const joiners = await named('join', options.joiners);
    return new Fleet(options, network, { backend, valkey, shared, hosts, joiners, twin: await host('twin', 0) });
  }

  get backend(): BackendHost {
    return this.#members.backend;
  }

  get valkey(): ValkeyGroup {
    return this.#members.valkey;
  }

  get shared(): SharedServers {
    const { shared } = this.#members;
    if (shared === undefined) throw new Error('The hosts of this fleet share no PostgreSQL and no cache');
    return shared;
  }

  get hosts(): readonly GatewayHost[] {
    return this.#members.hosts;
  }

  hostAt(index: number): GatewayHost {
    const host = this.hosts[index];
    if (host === undefined) throw new Error(`The fleet has no host ${index}`);
    return host;
  }

  async start(): Promise<void> {
    await this.backend.up();
    await Promise.all([this.valkey.start(), this.#members.shared?.start()]);
    await Promise.all(this.hosts.map((host) => host.start()));
  }

  async load(): Promise<void> {
    const { usersPerHost: users, serviceMs, stragglers, seed, limit } = this.options;
    const random = seededRandom(seed);
    const nextPath = (): string => `/work?ms=${random() < stragglers ? STRAGGLER_FACTOR * serviceMs : serviceMs}`;
    this.#clients = this.hosts.map(({ place, url }) => new Clients({ host: place.name, url, users, nextPath }));
    const perSecond = (OVERLOAD * limit.perSecond) / this.hosts.length;
    this.#limited = this.hosts.map(({ place, url }) => new LimitedClients(place.name, url, perSecond));
    if (!this.options.hasShared) return;
    // Random numbers of their own, so that they do not change which calls of the others are slow.
    const ownRandom = seededRandom(seed + 1);
    this.#sharedLoad = await SharedLoad.start([this.hostAt(0), ...this.hosts.slice(1)], {
      backend: this.backend,
      servers: this.shared,
      random: ownRandom,
    });
  }

  /** Every call that has ended. */
  get calls(): ClientCall[] {
    return this.#clients.flatMap(({ calls }) => calls);
  }

  /** Every call to the limited route that has ended. */
  get limitedCalls(): LimitedCall[] {
    return this.#limited.flatMap(({ calls }) => calls);
  }

  /** From now on only the clients of this host send requests. */
  moveDemand(host: number): void {
    this.#clients[host]?.go();
    this.gatherDemand(host);
  }

  /** Only the clients of one host go on. */
  gatherDemand(host: number): void {
    for (const [index, clients] of this.#clients.entries()) if (index !== host) clients.hold();
  }

  spreadDemand(): void {
    for (const clients of this.#clients) clients.go();
  }

  /** More hosts, all at once: each is a control, as that is what talks to the ledger. */
  join(count: number): void {
    const joiners = this.#members.joiners.slice(0, count);
    if (joiners.length < count) throw new Error(`The fleet has places for ${joiners.length} hosts to join`);
    for (const joiner of joiners) joiner.startControl();
  }

  async part(): Promise<void> {
    await Promise.all(this.#members.joiners.map((joiner) => joiner.stop()));
  }

  /** A second host with the data, and so the identity, of one that runs: the copy of a virtual machine. */
  startTwin(host: number): void {
    this.#members.twin.copyFrom(this.hostAt(host));
    this.#members.twin.startControl();
  }

  async stopTwin(): Promise<void> {
    await this.#members.twin.stop();
    this.#members.twin.forget();
  }

  /** Ends the load; resolves when every call has its answer, with what became of that of shared servers. */
  async quiet(): Promise<SharedHistory | undefined> {
    await Promise.all([...this.#clients, ...this.#limited].map((clients) => clients.stop()));
    return this.#sharedLoad?.stop();
  }
}

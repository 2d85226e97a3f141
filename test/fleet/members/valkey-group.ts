import type { Random } from '../../../src/core/random.ts';
import { eventually } from '../../support/raw.ts';
import { type FleetNetwork, RELAY_ADDRESS } from '../network.ts';
import { Relay } from '../relay.ts';
import { ValkeyNode } from './valkey-node.ts';

const FIRST_RELAY_PORT = 7000;
const FOLLOW_EVERY_MS = 200;
const REPLICATION_LIMIT_MS = 15_000;

/** Primary, replica and sentinel, each in a namespace, and a relay for each host, which follows the primary. */
export class ValkeyGroup {
  readonly sentinel: ValkeyNode;
  readonly relays: readonly Relay[];
  readonly #nodes: readonly [ValkeyNode, ValkeyNode];
  #primary: ValkeyNode;
  #following: NodeJS.Timeout | undefined;

  private constructor(nodes: readonly [ValkeyNode, ValkeyNode], sentinel: ValkeyNode, relays: readonly Relay[]) {
    this.#nodes = nodes;
    this.sentinel = sentinel;
    this.relays = relays;
    [this.#primary] = nodes;
  }

  static async place(network: FleetNetwork, hosts: number, random: Random): Promise<ValkeyGroup> {
    const [one, other] = [new ValkeyNode(await network.add('valkey1')), new ValkeyNode(await network.add('valkey2'))];
    const relays = Array.from({ length: hosts }, () => new Relay(one.target, random));
    return new ValkeyGroup([one, other], new ValkeyNode(await network.add('sentinel')), relays);
  }

  get primary(): ValkeyNode {
    return this.#primary;
  }

  get replica(): ValkeyNode {
    const [one, other] = this.#nodes;
    return this.#primary === one ? other : one;
  }

  /** Every address that a host may use for the ledger. */
  get addresses(): string[] {
    return [RELAY_ADDRESS, ...[...this.#nodes, this.sentinel].map(({ place }) => place.address)];
  }

  /** The address at which one host finds the ledger: its own relay. */
  urlFor(host: number): string {
    return `redis://${RELAY_ADDRESS}:${FIRST_RELAY_PORT + host}`;
  }

  async start(): Promise<void> {
    await this.#primary.start({ isPersistent: true, needsReplica: true });
    await this.startReplica(this.replica);
    await this.sentinel.startSentinel(this.#primary.place.address);
    await Promise.all(this.relays.map((relay, host) => relay.listen(RELAY_ADDRESS, FIRST_RELAY_PORT + host)));
    this.#following = setInterval(() => void this.#follow(), FOLLOW_EVERY_MS);
  }

  /** Starts a node as a replica of the primary and waits until it has its data. */
  async startReplica(node: ValkeyNode): Promise<void> {
    await node.start({ replicaOf: this.#primary.place.address, isPersistent: true, needsReplica: true });
    await this.replicated();
  }

  /** Waits until the primary has a replica that is up to date, and so takes writes. */
  replicated(): Promise<void> {
    return eventually(
      'the replica follows the primary',
      async () => /slave0:.*state=online/.test(await this.#primary.ask('INFO', 'replication').catch(() => '')),
      REPLICATION_LIMIT_MS,
    );
  }

  /** Waits until the sentinel has made another node the primary, and the relays lead there. */
  failedOver(from: ValkeyNode): Promise<void> {
    return eventually('a failover', () => this.#primary !== from, REPLICATION_LIMIT_MS);
  }

  stop(): void {
    clearInterval(this.#following);
  }

  async #follow(): Promise<void> {
    // While the sentinel does not answer, the relays lead where they led.
    const address = await this.sentinel.primaryAddress().catch(() => undefined);
    const primary = this.#nodes.find(({ place }) => place.address === address);
    if (primary === undefined || primary === this.#primary) return;
    this.#primary = primary;
    for (const relay of this.relays) relay.pointTo(primary.target);
  }
}

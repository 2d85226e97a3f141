import { readlinkSync, rmSync } from 'node:fs';
import type { UpstreamConfig } from '../config/model.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { isProcessAlive, processName } from '../core/process-name.ts';
import type { AddressedOrder } from '../policy/permits/addressed-order.ts';
import type { HostLoad } from '../protocol/lease.ts';
import type { Random } from '../core/random.ts';
import { type Holder, loadLeases, type SavedState, saveLeases } from './lease-file.ts';
import { LeaseOutbox } from './lease-outbox.ts';
import {
  type ById,
  fromWireReport,
  inOrder,
  toWireOrder,
  type WireOrder,
  type WireReport,
} from '../protocol/lease-wire.ts';
import { type FleetPermits, type NamedBound, type SharedBackend, UpstreamLeases } from './upstream-leases.ts';
import { fitBulkLeases, withBulkLeases } from './bulk-leases.ts';
import { probe } from './probe.ts';

export interface LeaseKeeperOptions {
  readonly upstreams: readonly UpstreamConfig[];
  readonly clock: Clock;
  readonly random: Random;
  /** The file that keeps the leases. */
  readonly path: string;
  readonly send: (member: string, upstream: string, order: WireOrder) => void;
  readonly sendLoad: (member: string, upstream: string, load: HostLoad) => void;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

const TICK_MS = 100;
/** Interval of the updates of adaptive limits; workers report as often. */
const LOOK_MS = 250;
/** Interval of the checks whether the process of a disconnected worker is alive. */
const WATCH_MS = 20;
/** A process in another container cannot be checked: it counts as ended after this time without a connection. */
const UNSEEN_LIMIT_MS = 5000;
/** A backend that does not answer the probe gets this long to notice that connections have ended. */
const SETTLE_MS = 250;
const CLEARING_PROBE_MS = 1000;

/** The leases of all upstreams: saves every order of the allocators, then sends it to its worker. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #upstreams = new Map<string, UpstreamLeases>();
  readonly #holders = new Map<string, Holder>();
  readonly #watches = new Map<string, Timer>();
  readonly #namespace = pidNamespace();
  readonly #outbox: LeaseOutbox;
  #isUnwritten = false;
  #tickTimer: Timer | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#outbox = new LeaseOutbox({
      clock: options.clock,
      save: () => this.#save(),
      send: (upstream, { member, order }) => {
        const ids = this.#upstreams.get(upstream)?.ids();
        if (ids !== undefined) options.send(member, upstream, toWireOrder(order, ids));
      },
    });
    const saved = loadLeases(options.path);
    for (const config of withBulkLeases(options.upstreams)) {
      const known = (saved.leases[config.name] ?? []).filter((lease) =>
        saved.holders.some(({ member }) => member === lease.member),
      );
      this.#open(config, known);
    }
    for (const holder of saved.holders) {
      this.#holders.set(holder.member, holder);
      this.#watch(holder, options.clock.now());
    }
    this.#tick();
  }

  /** A worker has connected and reported the permits that it holds. */
  joined(member: { id: string; pid: number }, held: Readonly<Record<string, ById>>, namespace: string): void {
    this.#watches.get(member.id)?.cancel();
    this.#outbox.drop(member.id);
    const seen = namespace === this.#namespace;
    const holder = { member: member.id, processName: seen ? (processName(member.pid) ?? '') : '' };
    this.#holders.set(member.id, holder);
    const now = this.#options.clock.now();
    for (const [upstream, leases] of this.#upstreams) {
      this.#send(upstream, leases.book.joined(member.id, inOrder(held[upstream] ?? {}, leases.ids()), now));
    }
    for (const { news } of this.#upstreams.values()) news.joined(member.id);
  }

  reported(member: string, upstream: string, report: WireReport): void {
    const leases = this.#upstreams.get(upstream);
    if (leases === undefined) return;
    const counts = fromWireReport(report, leases.ids());
    this.#send(upstream, leases.book.reported(member, counts, this.#options.clock.now()));
    leases.news.changed();
  }

  /** A worker has disconnected. Its permits stay out until its process has ended too. */
  left(member: string): void {
    const holder = this.#holders.get(member);
    if (holder === undefined) return;
    for (const { book } of this.#upstreams.values()) book.disconnected(member);
    this.#watch(holder, this.#options.clock.now());
  }

  /** The backends of an upstream are these now. */
  useBackends(upstream: string, backends: readonly BackendConfig[]): void {
    const orders = this.#upstreams.get(upstream)?.useBackends(backends, this.#options.clock.now());
    if (orders !== undefined) this.#send(upstream, orders);
  }

  /** Other settings of upstreams that are there, and the end of those that are not; for new ones see `addUpstreams`. */
  useConfig(upstreams: readonly UpstreamConfig[]): void {
    const now = this.#options.clock.now();
    const wanted = withBulkLeases(upstreams);
    for (const [name, leases] of this.#upstreams) {
      const config = wanted.find((one) => one.name === name);
      if (config === undefined) {
        // Workers go on with the permits that they hold, and take no more than their shares.
        leases.news.stop();
        this.#upstreams.delete(name);
      } else this.#send(name, leases.useConfig(config, now));
    }
  }

  /** Leases the permits of upstreams that are new. `held`: what each connected worker holds of them already. */
  addUpstreams(upstreams: readonly UpstreamConfig[], held: ReadonlyMap<string, Readonly<Record<string, ById>>>): void {
    const now = this.#options.clock.now();
    for (const config of withBulkLeases(upstreams)) {
      if (this.#upstreams.has(config.name)) continue;
      const leases = this.#open(config, []);
      for (const [member, ofMember] of held) {
        this.#send(config.name, leases.book.joined(member, inOrder(ofMember[config.name] ?? {}, leases.ids()), now));
        leases.news.joined(member);
      }
    }
  }

  #open(config: UpstreamConfig, saved: readonly NamedBound[]): UpstreamLeases {
    const { clock, random } = this.#options;
    const sendLoad = (member: string, load: HostLoad): void => this.#options.sendLoad(member, config.name, load);
    const leases = new UpstreamLeases(config, saved, { clock, random, sendLoad });
    this.#upstreams.set(config.name, leases);
    return leases;
  }

  /** Health decides which permits are dealt, and does not change the caps. */
  setUp(upstream: string, backend: string, up: boolean): void {
    this.#upstreams.get(upstream)?.setUp(backend, up);
  }

  /** A new cap for a backend, or for all of the upstream; false when there is none of that name. */
  setCap(upstream: string, backend: string | undefined, cap: number): boolean {
    const orders = this.#upstreams.get(upstream)?.setCap(backend, cap, this.#options.clock.now());
    if (orders !== undefined) this.#send(upstream, orders);
    return orders !== undefined;
  }

  /** The cap that was configured or ordered, whatever a fleet leaves of it. */
  toldCap(upstream: string, backend: string): number {
    return this.#upstreams.get(upstream)?.toldCap(backend) ?? 0;
  }

  /** The backends of an upstream that this host shares with others. */
  shared(upstream: string): SharedBackend[] {
    return this.#upstreams.get(upstream)?.shared() ?? [];
  }

  /** Uses what the fleet leaves this host of a backend. */
  grant(upstream: string, backend: string, granted: FleetPermits): void {
    const orders = this.#upstreams.get(upstream)?.grant(backend, granted, this.#options.clock.now());
    if (orders !== undefined) this.#send(upstream, orders);
  }

  /** Recalls permits that other hosts want and no worker here uses. Returns whether a worker was asked, which reports then. */
  recallShared(upstream: string): boolean {
    const orders = this.#upstreams.get(upstream)?.recallShared(this.#options.clock.now()) ?? [];
    this.#send(upstream, orders);
    return orders.length > 0;
  }

  /** Whether the processes of all workers that held permits have ended. */
  get isOver(): boolean {
    return [...this.#holders.values()].every(({ processName: name }) => name !== '' && !isProcessAlive(name));
  }

  /** For metrics and status: the cap, and the permits that are out. */
  stateOf(upstream: string, backend: string): { cap: number; leased: number } {
    return this.#upstreams.get(upstream)?.stateOf(backend) ?? { cap: 0, leased: 0 };
  }

  stop(): void {
    this.#stopped = true;
    this.#outbox.stop();
    this.#tickTimer?.cancel();
    for (const { news } of this.#upstreams.values()) news.stop();
    for (const timer of this.#watches.values()) timer.cancel();
    // If every holder has ended, the next control has nothing to learn from the file.
    if (this.isOver) rmSync(this.#options.path, { force: true });
  }

  #tick(): void {
    this.#tickTimer = this.#options.clock.setTimeout(() => {
      const now = this.#options.clock.now();
      fitBulkLeases(this.#upstreams, now, (upstream, orders) => this.#send(upstream, orders));
      for (const [upstream, leases] of this.#upstreams) {
        this.#send(upstream, leases.book.tick(now));
        leases.releaseReturned();
        leases.news.tellAll();
      }
      if (now - this.#lookedAt >= LOOK_MS) {
        this.#lookedAt = now;
        for (const [upstream, leases] of this.#upstreams) this.#send(upstream, leases.adapt(now));
      }
      this.#tick();
    }, TICK_MS);
  }

  #send(upstream: string, orders: readonly AddressedOrder[]): void {
    this.#outbox.push(upstream, orders);
  }

  #watch(holder: Holder, since: number): void {
    const { clock } = this.#options;
    this.#watches.get(holder.member)?.cancel();
    // During shutdown control closes these connections itself, so a close does not mean that the worker died.
    if (this.#stopped) return;
    const look = (): void => {
      const unseen = holder.processName === '';
      const ended = unseen ? clock.now() - since >= UNSEEN_LIMIT_MS : !isProcessAlive(holder.processName);
      if (ended) void this.#expire(holder);
      else this.#watches.set(holder.member, clock.setTimeout(look, WATCH_MS));
    };
    this.#watches.set(holder.member, clock.setTimeout(look, 0));
  }

  /** The process has ended and the system has closed its connections; a backend that answers a probe has noticed that. */
  async #expire(holder: Holder): Promise<void> {
    const { member } = holder;
    this.#watches.delete(member);
    const clearing: Promise<void>[] = [];
    for (const leases of this.#upstreams.values()) {
      leases.book.died(member);
      const bound = leases.book.members().find((account) => account.member === member)?.bound ?? [];
      for (const [index, permits] of bound.entries()) clearing.push(this.#clear(member, leases, index, permits));
    }
    await Promise.all(clearing);
    // If the worker has reconnected, the record is its new one. Deleted only now, because a control that takes over must
    // know whose permits are still out.
    if (this.#holders.get(member) !== holder) return;
    this.#holders.delete(member);
    if (!this.#stopped) this.#save();
  }

  async #clear(member: string, leases: UpstreamLeases, index: number, permits: number): Promise<void> {
    const { book, config } = leases;
    const origin = leases.originAt(index);
    if (permits > 0 && origin !== undefined) {
      const answer = await probe(origin, config.health ?? { path: '/', host: undefined, timeoutMs: CLEARING_PROBE_MS });
      const heard = answer.problem === undefined || answer.status !== undefined || answer.definite;
      if (!heard) await new Promise<void>((resolve) => void this.#options.clock.setTimeout(resolve, SETTLE_MS));
    }
    const orders = book.cleared(member, index, this.#options.clock.now());
    if (!this.#stopped) this.#send(config.name, orders);
  }

  /**
   * Saves before any order is sent, because the next control must know of every permit that a worker may hold. If the
   * save fails, the orders are sent all the same (ADR 8): a full disk must not take the permits from every worker.
   */
  #save(): void {
    const leases = Object.fromEntries([...this.#upstreams].map(([name, one]) => [name, one.saved()]));
    const state: SavedState = { holders: [...this.#holders.values()], leases };
    const { path, warn } = this.#options;
    try {
      saveLeases(path, state);
      this.#isUnwritten = false;
    } catch (error) {
      if (!this.#isUnwritten)
        warn('the leases cannot be written down; they are dealt out all the same', { err: error });
      this.#isUnwritten = true;
    }
  }
}

/** The namespace of process ids: the same id means the same process only within one. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return process.platform;
  }
}

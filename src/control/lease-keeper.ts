import { readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { UpstreamConfig } from '../config/config.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { isProcessAlive, processName } from '../core/process-name.ts';
import { type AddressedOrder, LeaseBook } from '../policy/permits/lease-book.ts';
import type { HostLoad, LeaseOrder, LeaseReport } from '../policy/permits/lease-messages.ts';
import type { Random } from '../core/random.ts';
import { AdaptiveLimit } from '../policy/admission/adaptive-limit.ts';
import { LeaseOutbox } from './lease-outbox.ts';
import { LoadNews } from './load-news.ts';
import { type ById, byId, inOrder } from './lease-wire.ts';
import { probe } from './probe.ts';

export interface LeaseKeeperOptions {
  readonly upstreams: readonly UpstreamConfig[];
  readonly clock: Clock;
  readonly random: Random;
  /** Where the leases are written down. */
  readonly path: string;
  readonly send: (member: string, upstream: string, order: LeaseOrder) => void;
  readonly sendLoad: (member: string, upstream: string, load: HostLoad) => void;
  readonly warn: (message: string, details: Record<string, unknown>) => void;
}

/** A worker that holds leases, by what tells it from every other process. */
interface Holder {
  readonly member: string;
  /** Of its process; empty where it cannot be seen from here. */
  readonly processName: string;
}

interface NamedBound {
  readonly member: string;
  readonly bound: ById;
}

interface SavedState {
  readonly holders: readonly Holder[];
  readonly leases: Readonly<Record<string, readonly NamedBound[]>>;
}

const TICK_MS = 100;
/** How often adaptive limits are looked at; workers report as often. */
const LOOK_MS = 250;
/** How often it is looked at whether a worker that has gone silent still lives. */
const WATCH_MS = 20;
/** A process of another container cannot be looked at: silent for so long, it counts as ended. */
const UNSEEN_LIMIT_MS = 5000;
/** A backend that says nothing when asked is given this long to notice that connections have gone. */
const SETTLE_MS = 250;
const CLEARING_PROBE_MS = 1000;

/** The leases of all upstreams: what the books decide, said to the workers and written down before. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #books = new Map<string, LeaseBook>();
  readonly #holders = new Map<string, Holder>();
  readonly #watches = new Map<string, Timer>();
  readonly #news = new Map<string, LoadNews>();
  readonly #limits = new Map<string, AdaptiveLimit>();
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
      send: (upstream, { member, order }) => options.send(member, upstream, order),
    });
    const saved = load(options.path);
    for (const { name, backends, cap, admission } of options.upstreams) {
      const caps = backends.map(() => cap);
      const known = (saved.leases[name] ?? []).filter((lease) =>
        saved.holders.some(({ member }) => member === lease.member),
      );
      const ids = backends.map(({ id }) => id);
      const bounds = known.map(({ member, bound }) => ({ member, bound: inOrder(bound, ids) }));
      const book = new LeaseBook(caps, bounds);
      this.#books.set(name, book);
      if (admission.limit === 'adaptive') {
        // A backend without a permit could show nothing of itself.
        const least = Math.max(admission.minLimit, backends.length);
        this.#limits.set(name, new AdaptiveLimit({ least, random: options.random }));
      }
      const send = (member: string, load: HostLoad): void => options.sendLoad(member, name, load);
      this.#news.set(name, new LoadNews(book, options.clock, send));
    }
    for (const holder of saved.holders) {
      this.#holders.set(holder.member, holder);
      this.#watch(holder, options.clock.now());
    }
    this.#tick();
  }

  /** A worker has said what it holds, as the first thing on its connection. */
  joined(member: { id: string; pid: number }, held: Readonly<Record<string, ById>>, namespace: string): void {
    this.#watches.get(member.id)?.cancel();
    this.#outbox.drop(member.id);
    const seen = namespace === this.#namespace;
    const holder = { member: member.id, processName: seen ? (processName(member.pid) ?? '') : '' };
    this.#holders.set(member.id, holder);
    const now = this.#options.clock.now();
    for (const [upstream, book] of this.#books) {
      const counts = inOrder(held[upstream] ?? {}, this.#idsOf(upstream));
      this.#send(upstream, book.joined(member.id, counts, now));
    }
    for (const news of this.#news.values()) news.joined(member.id);
  }

  reported(member: string, upstream: string, report: LeaseReport): void {
    const orders = this.#books.get(upstream)?.reported(member, report, this.#options.clock.now());
    if (orders === undefined) return;
    this.#send(upstream, orders);
    this.#news.get(upstream)?.changed();
  }

  /** Its connection is gone. What it holds stays out until its process has ended too. */
  left(member: string): void {
    const holder = this.#holders.get(member);
    if (holder === undefined) return;
    for (const book of this.#books.values()) book.disconnected(member);
    this.#watch(holder, this.#options.clock.now());
  }

  /** Health decides to whom freed permits go, not how many there are. */
  setUp(upstream: string, backend: string, up: boolean): void {
    const index = this.#indexOf(upstream, backend);
    if (index !== undefined) this.#books.get(upstream)?.setUp(index, up);
  }

  /** A new cap for a backend, or for all of the upstream; false when there is none of that name. */
  setCap(upstream: string, backend: string | undefined, cap: number): boolean {
    const book = this.#books.get(upstream);
    const indexes = backend === undefined ? book?.caps.map((_, index) => index) : [this.#indexOf(upstream, backend)];
    if (book === undefined || indexes === undefined || indexes.includes(undefined)) return false;
    for (const index of indexes as number[]) {
      this.#send(upstream, book.setCap(index, cap, this.#options.clock.now()));
    }
    return true;
  }

  /** For metrics and status: the cap, and the permits that are out. */
  stateOf(upstream: string, backend: string): { cap: number; leased: number } {
    const index = this.#indexOf(upstream, backend);
    const book = this.#books.get(upstream);
    if (index === undefined || book === undefined) return { cap: 0, leased: 0 };
    return { cap: book.caps[index] ?? 0, leased: book.bound(index) };
  }

  stop(): void {
    this.#stopped = true;
    this.#outbox.stop();
    this.#tickTimer?.cancel();
    for (const news of this.#news.values()) news.stop();
    for (const timer of this.#watches.values()) timer.cancel();
    // After a stop of everything nobody holds anything: what is written down would only be looked at in vain.
    const isOver = [...this.#holders.values()].every(({ processName: name }) => name !== '' && !isProcessAlive(name));
    if (isOver) rmSync(this.#options.path, { force: true });
  }

  #indexOf(upstream: string, backend: string): number | undefined {
    const index = this.#configOf(upstream)?.backends.findIndex(({ id }) => id === backend) ?? -1;
    return index < 0 ? undefined : index;
  }

  #idsOf(upstream: string): readonly string[] {
    return this.#configOf(upstream)?.backends.map(({ id }) => id) ?? [];
  }

  #configOf(upstream: string): UpstreamConfig | undefined {
    return this.#options.upstreams.find(({ name }) => name === upstream);
  }

  #tick(): void {
    this.#tickTimer = this.#options.clock.setTimeout(() => {
      const now = this.#options.clock.now();
      for (const [upstream, book] of this.#books) this.#send(upstream, book.tick(now));
      for (const news of this.#news.values()) news.tellAll();
      if (now - this.#lookedAt >= LOOK_MS) this.#adapt(now);
      this.#tick();
    }, TICK_MS);
  }

  /** Moves the limits of upstreams that have adaptive ones. */
  #adapt(now: number): void {
    this.#lookedAt = now;
    for (const [upstream, limit] of this.#limits) {
      const book = this.#books.get(upstream);
      if (book === undefined) continue;
      const { ended, busyMs, queued } = book.takeFlow();
      const permits = book.caps.reduce((sum, cap) => sum + cap, 0);
      limit.look({ ended, busyMs, isSaturated: queued > 0, permits }, now);
      this.#send(upstream, book.setLimit(limit.of(permits), now));
    }
  }

  #send(upstream: string, orders: readonly AddressedOrder[]): void {
    this.#outbox.push(upstream, orders);
  }

  #watch(holder: Holder, since: number): void {
    const { clock } = this.#options;
    this.#watches.get(holder.member)?.cancel();
    // The connections that control itself closes at its end say nothing of who is gone.
    if (this.#stopped) return;
    const look = (): void => {
      const unseen = holder.processName === '';
      const ended = unseen ? clock.now() - since >= UNSEEN_LIMIT_MS : !isProcessAlive(holder.processName);
      if (ended) void this.#bury(holder);
      else this.#watches.set(holder.member, clock.setTimeout(look, WATCH_MS));
    };
    this.#watches.set(holder.member, clock.setTimeout(look, 0));
  }

  /** Its process has ended, and the system has closed its connections: once a backend has had a turn, it knows too. */
  async #bury(holder: Holder): Promise<void> {
    const { member } = holder;
    this.#watches.delete(member);
    const clearing: Promise<void>[] = [];
    for (const [upstream, book] of this.#books) {
      book.died(member);
      const bound = book.members().find((account) => account.member === member)?.bound ?? [];
      for (const [index, permits] of bound.entries()) clearing.push(this.#clear(member, upstream, index, permits));
    }
    await Promise.all(clearing);
    // It is back: the record is its new one. Not before: a control that takes over must know whose permits are still out.
    if (this.#holders.get(member) !== holder) return;
    this.#holders.delete(member);
    if (!this.#stopped) this.#save();
  }

  async #clear(member: string, upstream: string, index: number, permits: number): Promise<void> {
    const config = this.#configOf(upstream);
    const origin = config?.backends[index]?.origin;
    if (permits > 0 && origin !== undefined) {
      const answer = await probe(
        origin,
        config?.health ?? { path: '/', host: undefined, timeoutMs: CLEARING_PROBE_MS },
      );
      const heard = answer.problem === undefined || answer.status !== undefined || answer.definite;
      if (!heard) await new Promise<void>((resolve) => void this.#options.clock.setTimeout(resolve, SETTLE_MS));
    }
    const orders = this.#books.get(upstream)?.cleared(member, index, this.#options.clock.now());
    if (orders !== undefined && !this.#stopped) this.#send(upstream, orders);
  }

  /** With ids, as the next control may know the backends in another order. */
  #saved(upstream: string, book: LeaseBook): NamedBound[] {
    const ids = this.#idsOf(upstream);
    return book.saved().map(({ member, bound }) => ({ member, bound: byId(bound, ids) }));
  }

  /**
   * Written before what it allows is said; a control that starts anew must know at least as much as the workers hold.
   * Where it cannot be written it is said all the same (ADR 8): a full disk must not take the permits from every worker.
   */
  #save(): void {
    const leases = Object.fromEntries([...this.#books].map(([name, book]) => [name, this.#saved(name, book)]));
    const state: SavedState = { holders: [...this.#holders.values()], leases };
    const { path, warn } = this.#options;
    try {
      writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
      renameSync(`${path}.new`, path);
      this.#isUnwritten = false;
    } catch (error) {
      if (!this.#isUnwritten)
        warn('the leases cannot be written down; they are dealt out all the same', { err: error });
      this.#isUnwritten = true;
    }
  }
}

const permitCounts = z.record(z.string(), z.number().min(0));
const savedState = z.object({
  holders: z.array(z.object({ member: z.string(), processName: z.string() })),
  leases: z.record(z.string(), z.array(z.object({ member: z.string(), bound: permitCounts }))),
});

/** What cannot be read, or is of another shape, says nothing: then leases begin with what the workers say. */
function load(path: string): SavedState {
  const nothing: SavedState = { holders: [], leases: {} };
  try {
    return savedState.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data ?? nothing;
  } catch {
    return nothing;
  }
}

/** Process ids mean the same only within one of these. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return process.platform;
  }
}

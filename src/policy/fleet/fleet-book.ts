import { BackendBook } from './backend-book.ts';
import type { FleetAnswer, FleetCall } from './fleet-call.ts';
import { FORGET_MS, LEARNING_MS, LEASE_MS, SILENCE_MS } from './fleet-times.ts';

interface KnownHost {
  incarnation: number;
  seq: number;
  calledAt: number;
}

/**
 * The leases of all hosts at all backends, by the same rules as the function in Valkey (ADR 138). Property tests run this
 * book, and a test compares the answers of both.
 *
 * The store can lose writes, and its clock can step. The book notices a new store by its run id, and a step by the time
 * that a host expects. In a new store the book learns: for as long as an old lease can last it grants each host what the
 * host claims, because that was granted before, and moves no permits. After a step no lease ends for that long.
 */
export class FleetBook {
  readonly #hosts = new Map<string, KnownHost>();
  readonly #backends = new Map<string, BackendBook>();
  #runId = '';
  #offset = 0;
  #learnsSince = Number.NEGATIVE_INFINITY;
  #unsureAt = Number.NEGATIVE_INFINITY;
  #calledAt = Number.NEGATIVE_INFINITY;

  /** For tests and people: the books by backend. */
  get backends(): ReadonlyMap<string, BackendBook> {
    return this.#backends;
  }

  /** A host renews its lease of all its backends. `serverTime`: in whole milliseconds. */
  renew(call: FleetCall, serverTime: number): FleetAnswer {
    const known = this.#hosts.get(call.host);
    const before = this.now(serverTime);
    if (known !== undefined && call.incarnation > 0) {
      if (call.incarnation < known.incarnation) {
        return { status: 'superseded', now: before, calledAt: known.calledAt };
      }
      if (call.incarnation === known.incarnation && call.seq <= known.seq) return { status: 'late', now: before };
    }
    if (!this.#checkTime(call, before)) return { status: 'stale', now: before };
    const now = this.now(serverTime);
    this.#calledAt = now;
    const incarnation = call.incarnation > 0 ? call.incarnation : this.#join(call.host, known, now);
    this.#hosts.set(call.host, { incarnation, seq: call.seq, calledAt: now });
    return this.#settle(call, incarnation, now);
  }

  /** The host has stopped, and none of its requests is in flight. */
  leave(host: string, incarnation: number): void {
    if (this.#hosts.get(host)?.incarnation !== incarnation) return;
    this.#hosts.delete(host);
    for (const book of this.#backends.values()) book.leave(host);
  }

  /** A person says that the host is gone. */
  forget(host: string, serverTime: number): void {
    for (const book of this.#backends.values()) book.forget(host, this.now(serverTime));
  }

  /** The time of the book goes on evenly, although the server's may make a step. */
  now(serverTime: number): number {
    return serverTime - this.#offset;
  }

  /** Returns false if the call must have no effect. Records a new store and a step of the clock. */
  #checkTime({ runId, expectedAt, toleranceMs, jumped, settled }: FleetCall, now: number): boolean {
    if (expectedAt < 0) return false;
    const isStep = Math.abs(now - expectedAt) > toleranceMs;
    if (isStep && !jumped) return false;
    // A newcomer expects what it has just been told, and may be the first to call after a step or at a new server. Then
    // the time of the book goes on where it stood: leases last longer, which is the safe side.
    const isNewStore = runId !== this.#runId;
    const isGap = Math.abs(now - this.#calledAt) > SILENCE_MS;
    const isUnsure = (isNewStore || !settled) && this.#hosts.size > 0 && isGap;
    if (isStep) this.#offset += now - expectedAt;
    else if (isUnsure) this.#offset += now - this.#calledAt;
    const at = isStep ? expectedAt : isUnsure ? this.#calledAt : now;
    if (isNewStore) this.#learnsSince = at;
    // The permits are counted right, but the ends of leases are not sure. So nothing ends for the length of a lease.
    else if (isStep || isUnsure) this.#unsureAt = at;
    this.#runId = runId;
    return true;
  }

  #join(host: string, known: KnownHost | undefined, now: number): number {
    for (const [id, { calledAt }] of this.#hosts) if (now - calledAt > 2 * FORGET_MS) this.#hosts.delete(id);
    for (const book of this.#backends.values()) book.supersede(host, now);
    return (known?.incarnation ?? 0) + 1;
  }

  #settle({ host, settled, claims }: FleetCall, incarnation: number, now: number): FleetAnswer {
    const donors = new Set<string>();
    let hosts = 0;
    let learning = false;
    const grants = claims.map((claim) => {
      const learns = now - this.#learnsSince < LEARNING_MS + claim.quarantineMs;
      const book = this.#book(claim.backend);
      const mayExpire = settled && now - this.#unsureAt >= LEASE_MS + claim.quarantineMs;
      const result = learns ? book.learn(host, claim, now) : book.settle(host, claim, now, mayExpire);
      for (const donor of result.donors) donors.add(donor);
      hosts = Math.max(hosts, book.hosts);
      learning ||= learns;
      return result.grant;
    });
    return { status: 'granted', now, incarnation, hosts, learning, grants, donors: [...donors].toSorted() };
  }

  #book(backend: string): BackendBook {
    let book = this.#backends.get(backend);
    if (book === undefined) this.#backends.set(backend, (book = new BackendBook()));
    return book;
  }
}

import { LRUCache } from 'lru-cache';
import type { FleetAsk, FleetGrant } from '../policy/rate/fleet-bank.ts';
import { FleetSubject } from '../policy/rate/fleet-subject.ts';
import type { TokenAsk, TokenGrant } from '../protocol/tokens.ts';
import { valkeyFailure, ValkeyUnavailable } from '../store/valkey/valkey-unavailable.ts';
import { type FleetLimitMetrics, shownCounts } from './fleet-limit-metrics.ts';
import { GrantsByMember } from './grants-by-member.ts';
import { FleetPresence, type FleetPresenceOptions } from './fleet-presence.ts';
import { NamedTimers } from './named-timers.ts';
import type { HostTokens, TellGrants } from './rate-tokens.ts';

/** Subjects that are kept, about 60 MB. An evicted subject loses its tokens and its report. */
const FLEET_SUBJECTS = 100_000;
/** Asks within this time share a round trip. */
const TURN_MS = 1;
/** The most asks in one round trip, which keeps it short. */
const MOST_ASKS = 1000;
/** A worker waits for 20 ms and then decides by itself, so control must have answered before. */
const FLEET_PATIENCE_MS = 15;
/** How often unused tokens and reports are looked for. */
const SWEEP_MS = 50;
/** After an outage every subject has a report: Valkey gets 20,000 a second, so that it has time for requests that wait. */
const REPORTS_PER_SWEEP = 1000;

export interface FleetTokensOptions<Member> extends FleetPresenceOptions {
  readonly metrics: FleetLimitMetrics;
  readonly tell: TellGrants<Member>;
}

/**
 * The tokens of all rate limits of this host where limits hold over a fleet: the buckets are in Valkey, control draws
 * from them by the demand of its workers, and the workers draw from control. Without Valkey the host has its part of
 * each limit, and nothing waits.
 */
export class FleetTokens<Member> implements HostTokens<Member> {
  readonly #options: FleetTokensOptions<Member>;
  readonly #subjects = new LRUCache<string, FleetSubject<Member>>({
    max: FLEET_SUBJECTS,
    dispose: (subject) => this.#forget(subject),
  });
  readonly #asking = new Set<FleetSubject<Member>>();
  readonly #waiting = new Set<FleetSubject<Member>>();
  /** Subjects that hold tokens, or have something to report. */
  readonly #held = new Set<FleetSubject<Member>>();
  readonly #presence: FleetPresence;
  readonly #members = new Set<Member>();
  readonly #timers: NamedTimers;
  #runId: string | undefined;
  /** An answer took too long, and none has come since. */
  #isLate = false;

  constructor(options: FleetTokensOptions<Member>) {
    this.#options = options;
    this.#timers = new NamedTimers(options.clock, options.bugs, 'fleet-limits');
    this.#presence = new FleetPresence(options, () => {
      for (const member of this.#members) this.joined(member);
    });
    options.metrics.onSnapshot(() => ({ isOpen: this.#presence.isOpen, hosts: this.#presence.hosts }));
  }

  status(): Record<string, unknown> {
    const fleet = {
      decided_by: this.#presence.isAway ? 'share' : 'valkey',
      breaker: this.#presence.isOpen ? 'open' : 'closed',
      hosts: this.#presence.hosts,
      ...shownCounts(this.#options.metrics),
      problem: this.#presence.problem ?? null,
    };
    return { subjects: this.#subjects.size, fleet };
  }

  said(member: Member, asks: readonly TokenAsk[]): void {
    const now = this.#options.clock.now();
    this.#checkServer();
    const grants: TokenGrant[] = [];
    for (const ask of asks) {
      const subject = this.#subject(ask);
      subject.said(ask, now);
      if (ask.spent > 0 || ask.returned > 0) this.#hold(subject);
      const grant = ask.wanted === 0 ? undefined : this.#decide(subject, { member, wanted: ask.wanted, since: now });
      if (grant !== undefined) grants.push(grant);
    }
    if (grants.length > 0) this.#options.tell(member, grants, this.#presence.hosts);
  }

  /** Tells a new worker the number of hosts at once, because its share of each limit depends on it. */
  joined(member: Member): void {
    this.#members.add(member);
    this.#options.tell(member, [], this.#presence.hosts);
  }

  left(member: Member): void {
    this.#members.delete(member);
    for (const { waiting } of this.#waiting) {
      const others = waiting.filter((one) => one.member !== member);
      waiting.splice(0, waiting.length, ...others);
    }
  }

  async close(): Promise<void> {
    this.#timers.close();
    await this.#presence.close();
  }

  /** Another server has new buckets, so earlier spending is no longer reported. */
  #checkServer(): void {
    const { runId } = this.#options.store;
    if (runId === undefined || runId === this.#runId) return;
    if (this.#runId !== undefined) for (const subject of this.#subjects.values()) subject.bucket.settle();
    this.#runId = runId;
  }

  #subject({ subject, limit }: TokenAsk): FleetSubject<Member> {
    const known = this.#subjects.get(subject);
    if (known !== undefined) return known;
    const added = new FleetSubject<Member>(subject, limit);
    this.#subjects.set(subject, added);
    return added;
  }

  /** A worker that still waits for this subject decides by itself after its own patience. */
  #forget(subject: FleetSubject<Member>): void {
    this.#asking.delete(subject);
    this.#waiting.delete(subject);
    this.#held.delete(subject);
  }

  /** The answer to a worker; undefined if it has to wait. */
  #decide(
    subject: FleetSubject<Member>,
    ask: { member: Member; wanted: number; since: number },
  ): TokenGrant | undefined {
    const { wanted, since: now } = ask;
    if (this.#presence.isAway) return this.#byShare(subject, wanted, now);
    const ready = subject.waiting.length === 0 ? subject.ready(wanted, now, this.#presence.viewAt(now)) : undefined;
    if (ready !== undefined) {
      if (subject.bucket.isLow(now)) this.#ask(subject);
      return ready;
    }
    this.#ask(subject);
    if (this.#isLate) return this.#byShare(subject, wanted, now);
    subject.waiting.push(ask);
    this.#waiting.add(subject);
    this.#timers.start('patience', FLEET_PATIENCE_MS, () => this.#losePatience());
    return undefined;
  }

  #byShare(subject: FleetSubject<Member>, wanted: number, now: number): TokenGrant {
    const grant = subject.byShare(wanted, now, this.#presence.viewAt(now));
    this.#options.metrics.byShare.value += grant.tokens;
    this.#hold(subject);
    return grant;
  }

  #ask(subject: FleetSubject<Member>): void {
    this.#asking.add(subject);
    this.#timers.start('turn', TURN_MS, () => this.#flush());
  }

  #hold(subject: FleetSubject<Member>): void {
    this.#held.add(subject);
    this.#timers.start('sweep', SWEEP_MS, () => this.#sweep());
  }

  #flush(): void {
    const now = this.#options.clock.now();
    let asks: FleetAsk[] = [];
    for (const subject of this.#asking) {
      const ask = subject.ask(now);
      if (ask !== undefined) asks.push(ask);
      if (asks.length < MOST_ASKS) continue;
      void this.#send(asks);
      asks = [];
    }
    this.#asking.clear();
    if (asks.length > 0) void this.#send(asks);
  }

  async #send(asks: readonly FleetAsk[]): Promise<void> {
    const { store, metrics, bugs } = this.#options;
    metrics.asks.value += asks.length;
    let answers: readonly (FleetGrant | ValkeyUnavailable)[];
    try {
      const answer = await store.ask(asks);
      ({ answers } = answer);
      this.#presence.succeeded(answer.hosts);
      this.#isLate = false;
    } catch (error) {
      const failure = valkeyFailure(error, (bug) => bugs.report('fleet-limits', bug));
      this.#presence.failed(failure);
      answers = asks.map(() => failure);
    }
    const grants = new GrantsByMember<Member>();
    const now = this.#options.clock.now();
    for (const [index, ask] of asks.entries()) this.#settle(ask, answers[index], now, grants);
    grants.tell(this.#options.tell, this.#presence.hosts);
  }

  /** An answer that is no grant: nobody knows whether the ask was executed, so what was spent is reported again. */
  #settle(
    ask: FleetAsk,
    answer: FleetGrant | ValkeyUnavailable | undefined,
    now: number,
    grants: GrantsByMember<Member>,
  ): void {
    const { metrics } = this.#options;
    const subject = this.#subjects.peek(ask.subject);
    if (answer === undefined || answer instanceof ValkeyUnavailable) {
      metrics.failures.value++;
      subject?.bucket.unsent(ask);
      if (subject !== undefined) this.#decideWaiting(subject, now, grants);
      return;
    }
    metrics.drawn.value += answer.tokens;
    metrics.returned.value += ask.returned;
    if (subject === undefined) return;
    subject.heard(ask, answer, now);
    this.#serve(subject, now, grants);
    if (subject.bucket.tokens > 0) this.#hold(subject);
  }

  /** Answers the workers that wait, in order; asks again if they want more than was asked for. */
  #serve(subject: FleetSubject<Member>, now: number, grants: GrantsByMember<Member>): void {
    for (let first = subject.waiting[0]; first !== undefined; first = subject.waiting[0]) {
      const ready = subject.ready(first.wanted, now, this.#presence.viewAt(now));
      if (ready === undefined) return this.#ask(subject);
      subject.waiting.shift();
      grants.add(first.member, ready);
    }
    this.#waiting.delete(subject);
  }

  #decideWaiting(subject: FleetSubject<Member>, now: number, grants: GrantsByMember<Member>): void {
    for (const { member, wanted } of subject.waiting.splice(0)) grants.add(member, this.#byShare(subject, wanted, now));
    this.#waiting.delete(subject);
  }

  #losePatience(): void {
    const now = this.#options.clock.now();
    const grants = new GrantsByMember<Member>();
    for (const subject of this.#waiting) {
      const since = subject.waiting[0]?.since ?? now;
      if (now - since >= FLEET_PATIENCE_MS) {
        this.#isLate = true;
        this.#decideWaiting(subject, now, grants);
      } else this.#timers.start('patience', since + FLEET_PATIENCE_MS - now, () => this.#losePatience());
    }
    grants.tell(this.#options.tell, this.#presence.hosts);
  }

  #sweep(): void {
    const now = this.#options.clock.now();
    this.#checkServer();
    let room = this.#presence.isAway ? 0 : REPORTS_PER_SWEEP;
    for (const subject of this.#held) {
      if (room === 0) break;
      if (!subject.bucket.expire(now)) this.#held.delete(subject);
      else if (subject.bucket.hasReport) {
        this.#ask(subject);
        room--;
      }
    }
    if (this.#held.size > 0) this.#timers.start('sweep', SWEEP_MS, () => this.#sweep());
  }
}

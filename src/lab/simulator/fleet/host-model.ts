import type { Random } from '../../../core/random.ts';
import type { FleetAnswer } from '../../../policy/fleet/fleet-call.ts';
import { type CalledUse, FleetLease, type SentCall } from '../../../policy/fleet/fleet-lease.ts';
import type { FleetPlan } from './fleet-plan.ts';
import { HostTraffic } from './host-traffic.ts';

/** Control looks at its lease this often, as in production. */
const STEP_MS = 50;
/** A call without an answer is given up after this time, as in production. */
const CALL_LIMIT_MS = 250;
/** Each worker reports its use this often, and more often while its requests wait. */
const REPORT_MS = 250;
const WAITING_REPORT_MS = 20;
/** Clocks of good machines differ by less. */
const CLOCK_RATE_ERROR = 0.0002;
const BACKEND = 'app http://10.0.0.9:80';

export type SendCall = (host: number, number: number, call: SentCall['call']) => void;

/** One host: its traffic, and production's half of the lease. Its workers share its permits as one pool. */
export class HostModel {
  readonly id: string;
  readonly index: number;
  readonly traffic: HostTraffic;
  permits = 0;
  isAlive = true;
  /** Requests a second. */
  rate = 0;
  readonly #lease: FleetLease;
  readonly #plan: FleetPlan;
  readonly #random: Random;
  readonly #clockRate: number;
  readonly #clockOffset: number;
  readonly #reportMs: number;
  readonly #waitingReportMs: number;
  #isHinted = false;
  #floor = 0;
  #endsAt = 0;
  #stepAt: number;
  #reportAt = 0;
  #report = { inUse: 0, queued: 0 };
  #call: { readonly number: number; readonly sent: SentCall; readonly at: number } | undefined;
  #calls = 0;

  constructor(index: number, plan: FleetPlan, random: Random, now = 0) {
    this.index = index;
    this.id = `host-${index}`;
    this.#plan = plan;
    this.#random = random;
    this.traffic = new HostTraffic({ ...plan, random });
    this.#lease = new FleetLease(this.id);
    this.#clockRate = 1 + CLOCK_RATE_ERROR * (2 * random() - 1);
    this.#clockOffset = Math.floor(random() * 1e6);
    this.#stepAt = now + Math.floor(random() * STEP_MS);
    this.#reportMs = Math.ceil(REPORT_MS / plan.workers);
    this.#waitingReportMs = Math.ceil(WAITING_REPORT_MS / plan.workers);
  }

  /** Requests a second from now on. */
  useRate(rate: number): void {
    this.rate = rate;
    this.traffic.useRate(rate / 1000);
  }

  /** Loses its power, while its requests in flight go on at the backend. */
  die(): void {
    this.isAlive = false;
    this.permits = 0;
    this.traffic.drop();
  }

  tick(now: number, send: SendCall): void {
    if (!this.isAlive) {
      this.traffic.end(now);
      return;
    }
    // Workers compare the end of the lease with the clock at each dispatch.
    if (now >= this.#endsAt) this.permits = Math.min(this.permits, this.#floor);
    this.traffic.tick(now, this.permits);
    if (this.#hears(now)) this.#step(now, send);
  }

  answered(number: number, answer: FleetAnswer, now: number, send: SendCall): void {
    const call = this.#call;
    // An answer that was given up is not used.
    if (call?.number !== number || !this.isAlive) return;
    this.#call = undefined;
    this.#lease.answered(call.sent, answer, { ...this.#times(now), random: this.#random() });
    this.#step(now, send);
  }

  hinted(now: number, send: SendCall): void {
    if (!this.isAlive) return;
    this.#isHinted = true;
    this.#step(now, send);
  }

  /** Whether control looks at its lease now: at its interval, and when a worker reports that requests wait. */
  #hears(now: number): boolean {
    const { inFlight, queued } = this.traffic;
    const isNews = queued > 0 && this.#report.queued === 0;
    const isReport = isNews || now >= this.#reportAt;
    if (isReport) {
      this.#report = { inUse: inFlight, queued };
      this.#reportAt = now + (queued > 0 ? this.#waitingReportMs : this.#reportMs);
    }
    if (now >= this.#stepAt) this.#stepAt += STEP_MS;
    else return isReport && queued > 0;
    return true;
  }

  #times(now: number): { now: number; wall: number } {
    const own = now * this.#clockRate + this.#clockOffset;
    return { now: own, wall: own + 1e9 };
  }

  #step(now: number, send: SendCall): void {
    const times = this.#times(now);
    const use = this.#use();
    const isDue = this.#lease.look([use], times.now, this.#isHinted) || this.#isHinted;
    this.#usePermits(times);
    if (this.#call !== undefined && now - this.#call.at <= CALL_LIMIT_MS) return;
    this.#call = undefined;
    const isShort = use.queued > 0 && use.inUse >= this.permits;
    if (!this.#lease.isCallDue(times.now, isDue, isShort)) return;
    this.#isHinted = false;
    const sent = this.#lease.call([this.#use()], { ...times, runId: 'run-1' });
    this.#call = { number: ++this.#calls, sent, at: now };
    // Until the answer is here, the host must not use more than it has just claimed.
    this.#usePermits(times);
    send(this.index, this.#calls, sent.call);
  }

  #use(): CalledUse {
    const { cap, floor, quarantineMs } = this.#plan;
    return {
      backend: BACKEND,
      cap,
      floorShare: Math.round(floor * 1000),
      quarantineMs,
      firstFloor: 0,
      bound: Math.max(this.traffic.inFlight, this.permits),
      ...this.#report,
    };
  }

  #usePermits(times: { now: number; wall: number }): void {
    const { permits, floor } = this.#lease.permitsOf(BACKEND, { ...times, isStrict: false });
    this.permits = permits;
    this.#floor = floor;
    this.#endsAt = (this.#lease.endsAt - this.#clockOffset) / this.#clockRate;
  }
}

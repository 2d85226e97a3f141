import type { BackendClaim, FleetAnswer, FleetCall } from './fleet-call.ts';
import {
  askSpacingMs,
  CLOCK_RATE_ERROR,
  FORGET_MS,
  GUARD_MS,
  LEASE_MS,
  MOST_ASKS_PER_MS,
  nextFailedAsks,
  RENEW_JITTER,
  RENEW_MS,
  RETRY_MS,
  SILENCE_MS,
  STEP_TOLERANCE_MS,
} from './fleet-times.ts';
import { KeptPermits, type SavedPermits } from './kept-permits.ts';

/** The use of one backend by this host. */
export interface BackendUse {
  readonly backend: string;
  readonly cap: number;
  readonly floorShare: number;
  /** The permits that the host keeps until the book has answered: its part of the floors of all expected hosts. */
  readonly firstFloor: number;
  /** The most that its workers may have in flight. */
  readonly bound: number;
  readonly inUse: number;
  /** Requests that wait and could go to this backend. */
  readonly queued: number;
}

/** The same for a call: how long a request there may go on after its permit has ended. */
export interface CalledUse extends BackendUse {
  readonly quarantineMs: number;
}

/** The lease in control's file, so that the next control goes on with it. Times are of the machine's monotonic clock. */
export interface SavedFleetLease {
  readonly incarnation: number;
  readonly endsAt: number;
  readonly answeredAt: number;
  readonly backends: Readonly<Record<string, SavedPermits>>;
}

export interface SentCall {
  readonly call: FleetCall;
  readonly sentAt: number;
  readonly sentWall: number;
}

/** `new`: it has never had a lease. `apart`: it has only its floors, because its lease has ended. */
export type FleetLeaseState = 'leased' | 'learning' | 'superseded' | 'apart' | 'new';

/**
 * A host's half of the fleet's leases: when to call, what to claim, and what may be used until when. `now` is the machine's
 * monotonic clock, `wall` its wall clock; both in milliseconds.
 */
export class FleetLease {
  readonly #host: string;
  readonly #backends = new Map<string, KeptPermits>();
  #incarnation = 0;
  #runId: string | undefined;
  /** The server's time at a moment of the own clock. */
  #server: { readonly time: number; readonly at: number } | undefined;
  #endsAt = Number.NEGATIVE_INFINITY;
  #answered: { readonly at: number; readonly wall: number | undefined } = {
    at: Number.NEGATIVE_INFINITY,
    wall: undefined,
  };
  #soundSince: number | undefined;
  #stale = 0;
  #isSuperseded = false;
  #nextAt = Number.NEGATIVE_INFINITY;
  #calledAt = Number.NEGATIVE_INFINITY;
  #learning = false;
  /** Calls in a row that brought no permit. They decide when the host asks again. */
  #failedAsks = 0;
  #hosts = 0;
  /** The demand of all hosts at each backend, and its cap, by the last answer. */
  #told = new Map<string, { readonly wanted: number; readonly cap: number }>();

  constructor(host: string, saved?: SavedFleetLease) {
    this.#host = host;
    if (saved === undefined) return;
    this.#incarnation = saved.incarnation;
    this.#endsAt = saved.endsAt;
    this.#answered = { at: saved.answeredAt, wall: undefined };
    for (const [backend, permits] of Object.entries(saved.backends)) {
      this.#backends.set(backend, new KeptPermits(permits));
    }
  }

  state(now: number, wall: number): FleetLeaseState {
    if (this.#isSuperseded) return 'superseded';
    if (!Number.isFinite(this.#answered.at)) return 'new';
    if (!this.isRunning(now, wall)) return 'apart';
    return this.#learning ? 'learning' : 'leased';
  }

  get hosts(): number {
    return this.#hosts;
  }

  /** The permits of a backend that all hosts could use at once, and the smallest cap that one of them has; undefined before the first answer. */
  toldOf(backend: string): { readonly wanted: number; readonly cap: number } | undefined {
    return this.#told.get(backend);
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** When the permits beyond the floors end; in the past if they have. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** When the next regular call is due. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /**
   * Whether the permits beyond the floors may be used. Reads the wall clock too, because the monotonic clock stands still
   * while the machine is suspended.
   */
  isRunning(now: number, wall: number): boolean {
    return now < this.#endsAt && this.#stoodStillMs(now, wall) <= GUARD_MS;
  }

  /** How much further the wall clock has moved than the monotonic one since the last answer. */
  #stoodStillMs(now: number, wall: number): number {
    const { at, wall: wallAt } = this.#answered;
    return wallAt === undefined ? 0 : wall - wallAt - (now - at);
  }

  /** The requests that may be in flight now, and those that may when the lease has ended. `isStrict`: the floor ends before the book forgets this host. */
  permitsOf(
    backend: string,
    { now, wall, isStrict }: { now: number; wall: number; isStrict: boolean },
  ): { permits: number; floor: number } {
    const kept = this.#backends.get(backend);
    if (kept === undefined || this.#isSuperseded) return { permits: 0, floor: 0 };
    // A host that never had an answer keeps what `expectedHosts` gives it.
    const apartMs = Number.isFinite(this.#answered.at) ? now - this.#answered.at : 0;
    const floor = isStrict && apartMs > FORGET_MS * (1 - CLOCK_RATE_ERROR) - GUARD_MS ? 0 : kept.floor;
    return { permits: this.isRunning(now, wall) ? kept.permits : floor, floor };
  }

  /**
   * Whether to call now. `isDue`: `look` has said so, or other hosts want permits. `isShort`: requests wait and nothing is free here.
   * While no request waits for more permits, the next one that does asks at once.
   */
  isCallDue(now: number, isDue: boolean, isShort: boolean): boolean {
    if (!isShort) this.#failedAsks = 0;
    if (now >= this.#nextAt) return true;
    // The spacing holds for hints of other hosts too, because hosts that all want more would otherwise make each other call without end.
    const spacing = Math.max(askSpacingMs(this.#failedAsks), this.#hosts / MOST_ASKS_PER_MS);
    return (isDue || isShort) && now - this.#calledAt >= spacing && !this.#isSuperseded;
  }

  /** The next call. `runId`: the server that it goes to. */
  call(uses: readonly CalledUse[], { now, wall, runId }: { now: number; wall: number; runId: string }): SentCall {
    // After a suspension the own clock cannot say how much time has passed at the server; after a long silence not exactly.
    const isOld = this.#server !== undefined && now - this.#server.at > SILENCE_MS;
    if (runId !== this.#runId || isOld || this.#stoodStillMs(now, wall) > STEP_TOLERANCE_MS) this.#forgetTime();
    this.#runId = runId;
    this.#calledAt = now;
    this.#nextAt = now + RETRY_MS;
    const elapsed = this.#server === undefined ? 0 : now - this.#server.at;
    const claims = uses.map((use) => this.#claim(use, now));
    return {
      sentAt: now,
      sentWall: wall,
      call: {
        host: this.#host,
        incarnation: this.#incarnation,
        // Of the machine's clock, so that it rises over a restart of control, too.
        seq: Math.floor(now * 1000),
        runId,
        expectedAt: this.#server === undefined ? -1 : Math.round(this.#server.time + elapsed),
        toleranceMs: Math.round(STEP_TOLERANCE_MS + CLOCK_RATE_ERROR * elapsed),
        jumped: this.#stale >= 2,
        settled: this.#soundSince !== undefined && now - this.#soundSince > SILENCE_MS,
        claims,
      },
    };
  }

  /** The answer of the last call; one that was given up must not come here. */
  answered(sent: SentCall, answer: FleetAnswer, at: { now: number; wall: number; random: number }): void {
    const { call, sentAt, sentWall } = sent;
    // The machine was suspended meanwhile, so the answer is older than the own clock says.
    if (at.wall - sentWall - (at.now - sentAt) > STEP_TOLERANCE_MS) return;
    if (answer.status === 'stale') this.#heardTime(call, answer.now, sentAt, at.now);
    else if (answer.status === 'superseded') this.#superseded(answer.now - answer.calledAt, at.now);
    if (answer.status !== 'granted') return;
    this.#isSuperseded = false;
    this.#stale = 0;
    this.#soundSince ??= at.now;
    this.#incarnation = answer.incarnation;
    this.#learning = answer.learning;
    this.#hosts = answer.hosts;
    this.#server = { time: answer.now, at: (sentAt + at.now) / 2 };
    this.#endsAt = sentAt + LEASE_MS - GUARD_MS;
    this.#answered = { at: at.now, wall: at.wall };
    this.#nextAt = sentAt + RENEW_MS * (1 + RENEW_JITTER * (2 * at.random - 1));
    this.#told = new Map(answer.grants.map(({ backend, wanted, cap }) => [backend, { wanted, cap }]));
    let gained = false;
    for (const grant of answer.grants) {
      const kept = this.#kept(grant.backend);
      if (grant.permits > kept.permits) gained = true;
      kept.granted(grant, at.now);
    }
    this.#failedAsks = gained ? 0 : nextFailedAsks(this.#failedAsks, answer.donors.length > 0);
  }

  /** Takes in the present use of the backends. Returns whether the host should call at once. */
  look(uses: readonly BackendUse[], now: number, isHinted: boolean): boolean {
    let isDue = false;
    for (const use of uses) if (this.#kept(use.backend, use.firstFloor).look(use, now, isHinted)) isDue = true;
    return isDue;
  }

  /** Forgets the backends that have left the configuration. */
  retain(backends: ReadonlySet<string>): void {
    for (const backend of this.#backends.keys()) if (!backends.has(backend)) this.#backends.delete(backend);
  }

  saved(): SavedFleetLease {
    const backends = Object.fromEntries([...this.#backends].map(([backend, kept]) => [backend, kept.saved()]));
    return { incarnation: this.#incarnation, endsAt: this.#endsAt, answeredAt: this.#answered.at, backends };
  }

  #claim(use: CalledUse, now: number): BackendClaim {
    const { backend, cap, floorShare, quarantineMs, inUse, queued } = use;
    const kept = this.#kept(backend, use.firstFloor);
    const isOver = now >= this.#endsAt || this.#isSuperseded;
    const { held, floor } = kept.claim(use, isOver);
    return { backend, cap, floorShare, quarantineMs, held, want: inUse + queued, floor };
  }

  #kept(backend: string, firstFloor = 0): KeptPermits {
    let kept = this.#backends.get(backend);
    if (kept === undefined) this.#backends.set(backend, (kept = new KeptPermits(undefined, firstFloor)));
    return kept;
  }

  #heardTime({ expectedAt }: FleetCall, time: number, sentAt: number, now: number): void {
    this.#nextAt = now;
    // Without an answer since it asked for the time, it cannot tell a step from a book whose time has gone on where it stood.
    if (expectedAt < 0 || this.#soundSince === undefined) this.#server = { time, at: (sentAt + now) / 2 };
    // The expectation stays: a call that was only late meets it the second time, and after a step none does.
    else this.#stale++;
  }

  /** Another process has this host's name. If it is silent for as long as a lease lasts, the name is free again. */
  #superseded(silentMs: number, now: number): void {
    this.#isSuperseded = true;
    this.#endsAt = Number.NEGATIVE_INFINITY;
    for (const kept of this.#backends.values()) kept.drop();
    this.#nextAt = now + RENEW_MS;
    if (silentMs > LEASE_MS) this.#incarnation = 0;
  }

  #forgetTime(): void {
    this.#server = undefined;
    this.#stale = 0;
    this.#soundSince = undefined;
  }
}

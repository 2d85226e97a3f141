import type { Random } from '../../../../src/core/random.ts';
import { FleetBook } from '../../../../src/policy/fleet/fleet-book.ts';
import type { FleetAnswer, FleetCall } from '../../../../src/policy/fleet/fleet-call.ts';
import { type CalledUse, FleetLease, type SentCall } from '../../../../src/policy/fleet/fleet-lease.ts';

export const TICK_MS = 20;
export const MOST_SERVICE_MS = 1500;
const CALL_LIMIT_MS = 250;
const BACKEND = 'app http://10.0.0.9:80';

export interface ModelOptions {
  readonly cap: number;
  readonly hosts: number;
  readonly random: Random;
  /** How much faster each host's clock runs than the server's. */
  readonly rates?: readonly number[];
}

interface Outstanding {
  readonly sent: SentCall;
  readonly epoch: number;
  answer: FleetAnswer | undefined;
  answersAt: number;
  /** The book that answered. */
  book: FleetBook | undefined;
}

/** One host: its clock, its requests, and its half of the lease. */
export class ModelHost {
  readonly id: string;
  readonly rate: number;
  readonly offset: number;
  lease: FleetLease;
  /** The ends of its requests, in real time. */
  requests: number[] = [];
  /** Requests that clients would have in flight. */
  demand = 0;
  isAlive = true;
  isCut = false;
  pausedUntil = 0;
  suspendedUntil = 0;
  /** Its wall clock alone moves on while the machine is suspended. */
  suspendedMs = 0;
  outstanding: Outstanding | undefined;
  needsSince: number | undefined;
  hinted = false;
  /** The floor that it had when the store lost everything, until the store has made room for it again. */
  forgotten = 0;

  constructor(id: string, rate: number, offset: number) {
    this.id = id;
    this.rate = rate;
    this.offset = offset;
    this.lease = new FleetLease(id);
  }

  now(time: number): number {
    return (time - this.suspendedMs) * this.rate + this.offset;
  }

  wall(time: number): number {
    return time * this.rate + 1e9;
  }
}

/** A fleet in simulated time: hosts with the real leases, the real book, a network and a store that fail. */
export class FleetModel {
  readonly hosts: ModelHost[] = [];
  readonly cap: number;
  readonly #random: Random;
  book = new FleetBook();
  runId = 'run-1';
  time = 0;
  #serverOffset = 1_700_000_000_000;
  #epoch = 0;
  isStoreDown = false;
  delayMs = 1;
  loss = 0;
  /** What the store did, so that a failover can forget the last part of it. */
  #log: { readonly at: number; readonly act: (book: FleetBook) => void }[] = [];
  calls = 0;
  /** Calls that the book refused because of their time. */
  stale = 0;
  usedPermitMs = 0;

  constructor({ cap, hosts, random, rates = [] }: ModelOptions) {
    this.cap = cap;
    this.#random = random;
    for (let index = 0; index < hosts; index++) this.addHost(rates[index] ?? 1);
  }

  get inFlight(): number {
    return this.hosts.reduce((sum, { requests }) => sum + requests.length, 0);
  }

  /** The one excess that is allowed: floors that nobody knows of. */
  get excused(): number {
    return this.hosts.reduce((sum, { forgotten }) => sum + forgotten, 0);
  }

  addHost(rate = 1): ModelHost {
    const host = new ModelHost(`host-${this.hosts.length}`, rate, Math.floor(this.#random() * 1e6));
    this.hosts.push(host);
    return host;
  }

  /** For a failed test: what each host holds, and what the book counts. */
  describe(): string {
    const hosts = this.hosts.map((host) => {
      const now = host.now(this.time);
      const flags = `${host.isAlive ? '' : ' dead'}${host.isCut ? ' cut' : ''}`;
      const state = host.lease.state(now, host.wall(this.time));
      return `${host.id}${flags} ${state}: ${host.requests.length} in flight, ${this.#permits(host)} permits, floor ${this.#permits(host, true)}, demand ${host.demand}`;
    });
    const book = [...this.book.backends.values()].map((one) => JSON.stringify(one.list()));
    return `\n${hosts.join('\n')}\nbook at ${this.#serverNow()}: ${book.join()}`;
  }

  run(ms: number): void {
    for (const end = this.time + ms; this.time < end;) this.tick();
  }

  tick(): void {
    this.time += TICK_MS;
    for (const host of this.hosts) {
      host.requests = host.requests.filter((end) => end > this.time);
      if (host.suspendedUntil > this.time) host.suspendedMs += TICK_MS;
      else if (host.isAlive && host.pausedUntil <= this.time) this.#work(host);
    }
    this.usedPermitMs += this.inFlight * TICK_MS;
  }

  /** The server's clock moves by this much. */
  step(ms: number): void {
    this.#serverOffset += ms;
  }

  /** A replica takes over that lacks the last writes. */
  failOver(lostMs: number): void {
    this.#log = this.#log.filter(({ at }) => at < this.time - lostMs);
    this.book = new FleetBook();
    for (const { act } of this.#log) act(this.book);
    this.#newServer();
  }

  /** Everything is lost. */
  flush(): void {
    this.#log = [];
    this.book = new FleetBook();
    for (const host of this.hosts) host.forgotten = Math.max(host.forgotten, this.#permits(host, true));
  }

  restartEmpty(): void {
    this.flush();
    this.#newServer();
  }

  #isWithinCap(): boolean {
    return [...this.book.backends.values()].every(({ counted }) => counted <= this.cap);
  }

  #newServer(): void {
    this.runId = `run-${++this.#epoch + 1}`;
  }

  #serverNow(): number {
    return Math.round(this.time + this.#serverOffset);
  }

  #permits(host: ModelHost, isFloor = false): number {
    const at = { now: host.now(this.time), wall: host.wall(this.time), isStrict: true };
    const { permits, floor } = host.lease.permitsOf(BACKEND, at);
    return isFloor ? floor : permits;
  }

  #use(host: ModelHost): CalledUse {
    const inUse = host.requests.length;
    return {
      backend: BACKEND,
      cap: this.cap,
      floorShare: 500,
      // The book's clock may run faster than that of the host, which ends requests by its own.
      quarantineMs: Math.ceil(MOST_SERVICE_MS * 1.25),
      firstFloor: 0,
      bound: Math.max(inUse, this.#permits(host)),
      inUse,
      queued: Math.max(0, host.demand - inUse),
    };
  }

  #work(host: ModelHost): void {
    const now = host.now(this.time);
    this.#receive(host, now);
    const isDue = host.lease.look([this.#use(host)], now, host.hinted) || host.hinted;
    while (host.requests.length < Math.min(this.#permits(host), host.demand)) {
      host.requests.push(this.time + this.#random() * MOST_SERVICE_MS);
    }
    const isShort = host.demand > host.requests.length;
    if (host.lease.isCallDue(now, isDue, isShort) && host.outstanding === undefined) this.#call(host, now);
  }

  #receive(host: ModelHost, now: number): void {
    const { outstanding } = host;
    if (outstanding === undefined) return;
    if (outstanding.answer !== undefined && outstanding.answersAt <= this.time) {
      const at = { now, wall: host.wall(this.time), random: this.#random() };
      host.lease.answered(outstanding.sent, outstanding.answer, at);
      const { answer, book } = outstanding;
      if (answer.status === 'granted' && book === this.book && this.#isWithinCap()) host.forgotten = 0;
      host.outstanding = undefined;
    } else if (now - outstanding.sent.sentAt > CALL_LIMIT_MS) host.outstanding = undefined;
  }

  #call(host: ModelHost, now: number): void {
    host.hinted = false;
    const wall = host.wall(this.time);
    const sent = host.lease.call([this.#use(host)], { now, wall, runId: this.runId });
    const outstanding: Outstanding = { sent, epoch: this.#epoch, answer: undefined, answersAt: 0, book: undefined };
    host.outstanding = outstanding;
    if (host.isCut || this.isStoreDown || this.#random() < this.loss) return;
    // A slow network may deliver a call long after the host has given it up.
    const delay = this.delayMs * 2 * this.#random();
    this.#deliver(outstanding, sent.call, this.time + delay, delay);
  }

  readonly #late: { readonly at: number; readonly run: () => void }[] = [];

  #deliver(outstanding: Outstanding, call: FleetCall, at: number, delay: number): void {
    const run = (): void => {
      if (outstanding.epoch !== this.#epoch) return;
      const now = this.#serverNow();
      this.#log.push({ at: this.time, act: (book) => book.renew(call, now) });
      this.calls++;
      const answer = this.book.renew(call, now);
      if (answer.status === 'stale') this.stale++;
      outstanding.book = this.book;
      outstanding.answersAt = this.time + delay;
      if (answer.status === 'granted') {
        for (const host of this.hosts) if (answer.donors.includes(host.id)) host.hinted = true;
      }
      if (this.#random() >= this.loss) outstanding.answer = answer;
    };
    if (delay < TICK_MS) run();
    else this.#late.push({ at, run });
  }

  /** Delivers what is under way. */
  deliverLate(): void {
    const due = this.#late.filter(({ at }) => at <= this.time);
    for (const one of due) {
      this.#late.splice(this.#late.indexOf(one), 1);
      one.run();
    }
  }
}

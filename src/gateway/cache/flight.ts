import type { Clock } from '../../core/clock.ts';
import { servesOnError } from '../../policy/cache/freshness.ts';
import { joined, type ReplyHead, type Verdict, validates } from '../../policy/cache/storing.ts';
import type { Underway } from '../http/exchange.ts';
import type { Priority } from '../../policy/admission/priority.ts';
import { Refusal } from '../refusal.ts';
import { replyHeaders } from '../http/reply-sinks.ts';
import { forward } from '../stack.ts';
import type { Service } from '../upstream/layer.ts';
import type { ReplyHeaders, ReplySink } from '../upstream/reply-sink.ts';
import type { Caller } from '../upstream/upstream-call.ts';
import type { CacheClient } from './cache-client.ts';
import { type CacheKey, type Entry, headOf, makeEntry, updatedHead } from './entry.ts';
import type { BufferBudget } from './flight-buffer.ts';
import type { HeaderLines } from './header-lines.ts';
import { Readers } from './readers.ts';
import type { ChunkSource, Seat } from './seat.ts';

/** What a flight does to the cache around it. */
export interface FlightEvents {
  /** What the head says of this key. Gives the place of the reply to this client, if it may have one. */
  learn(client: CacheClient, verdict: Verdict, status: number): string | undefined;
  /** Whether two requests select the same of replies that vary by these fields. */
  selectSame(vary: readonly string[], left: CacheClient, right: CacheClient): boolean;
  keep(slotKey: string, entry: Entry): void;
  forget(entry: Entry): void;
  /** Nobody may join any more. */
  closed(flight: Flight): void;
  /** The backend has nothing more to say to it. */
  ended(flight: Flight): void;
  /** The reply is not for this one, which may share another (`mayShare`) or goes alone. */
  release(seat: Seat, mayShare: boolean): void;
  /** A stored reply answers this one: one that a backend has confirmed, or a stale one in place of an error. */
  serve(seat: Seat, entry: Entry, result: 'revalidated' | 'stale', status: number | undefined): void;
  /** An entry could not be validated behind the requests that it served. */
  refreshFailed(entry: Entry): void;
  bug(error: unknown): void;
}

export interface FlightDependencies {
  readonly clock: Clock;
  readonly stack: Service;
  readonly budget: BufferBudget;
  readonly events: FlightEvents;
  readonly lines: HeaderLines;
}

/** One request in trouble is made again for those who wait behind it; two of them speak for all. */
const MAX_LEADERS = 2;
/** A body that nobody gets is read away up to here, to save the connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/**
 * One request to a backend on behalf of all who ask for the same at the time. It belongs to no client: any of them may
 * leave, and it goes on while one is left. What is to be kept is read at the pace of the backend, and each client at
 * its own from the buffer; what is not (or no longer, having outgrown its bound) comes no faster than they read.
 */
export class Flight implements ReplySink, Caller, ChunkSource {
  startedAt: number;
  over = false;
  waitMs = 0;
  permitMs = 0;
  execMs = 0;
  execPhase: 'upstream' | 'database' | undefined;
  failure: string | undefined;
  underway: Underway | undefined;
  readonly key: CacheKey;
  /** Under what others find it; undefined for one that nobody may join. */
  readonly joinKey: string | undefined;
  /** Its place among the flights. */
  slot = -1;
  /** The whole reply is there. */
  ended = false;
  readonly #clock: Clock;
  readonly #stack: Service;
  readonly #events: FlightEvents;
  readonly #lines: HeaderLines;
  readonly #readers: Readers;
  #stale: Entry | undefined;
  /** Whose request goes out, and, as long as it is there, its seat. */
  #client: CacheClient;
  #leader: Seat | undefined;
  #leaders = 0;
  #isBehindRequests = false;
  #head: ReplyHead | undefined;
  #verdict: Verdict | undefined;
  #slotKey: string | undefined;
  #arrivedAt = 0;
  #isStoring = false;
  #isClosed = false;
  #isOutdated = false;
  /** Everybody has been answered otherwise: what comes is read away. */
  #isMuted = false;
  #isError = false;
  #discardedBytes = 0;

  /** `stale`: what is to be validated, if anything. */
  constructor(
    { clock, stack, budget, events, lines }: FlightDependencies,
    client: CacheClient,
    joinKey: string | undefined,
    stale: Entry | undefined,
  ) {
    this.key = client.key;
    this.joinKey = joinKey;
    this.startedAt = clock.now();
    this.#clock = clock;
    this.#stack = stack;
    this.#events = events;
    this.#lines = lines;
    this.#readers = new Readers(clock, budget, client.maxEntryBytes);
    this.#client = client;
    this.#stale = stale;
  }

  get replyBegun(): boolean {
    for (const seat of this.#readers.seats) if (seat.client.x.replyBegun) return true;
    return false;
  }

  /** Nobody waits for what is fetched behind the requests. */
  get priority(): Priority {
    return this.#isBehindRequests ? 'bulk' : this.#client.x.priority;
  }

  get readyAt(): number {
    return this.startedAt;
  }

  get id(): string {
    return this.#client.x.id;
  }

  get fairKey(): string {
    return this.#client.x.fairKey;
  }

  /** Sets off for a client, and for those who join it. */
  launch(leader: Seat): void {
    this.#leader = leader;
    this.#client = leader.client;
    this.startedAt = leader.client.x.startedAt;
    this.#readers.seats.add(leader);
    void this.#run();
  }

  /** Sets off behind the requests, for the cache alone. */
  launchBehind(): void {
    this.#isBehindRequests = true;
    void this.#run();
  }

  /** Takes another client along; false where what has come is not for it. */
  join(seat: Seat): boolean {
    if (this.#isClosed || (this.#head !== undefined && !this.#isFor(seat))) return false;
    this.#readers.seats.add(seat);
    seat.moveTo(this);
    if (this.#head !== undefined) {
      this.#begin(seat, this.#head);
      seat.pump();
    }
    return true;
  }

  /** What it brings is not to be kept, nor for others: it has been outdated on its way. */
  outdate(): void {
    this.#isOutdated = true;
    this.#close();
  }

  leave(seat: Seat): void {
    const { seats } = this.#readers;
    seats.delete(seat);
    if (this.#leader === seat) this.#leader = undefined;
    const goesOn = this.#isBehindRequests || (seat.isSatisfied && this.#isStoring);
    if (this.ended) this.#tidy();
    else if (seats.size === 0 && !goesOn) this.cancel();
    else this.progressed();
  }

  cancel(): void {
    this.over = true;
    this.#close();
    this.underway?.giveUp();
  }

  /** Gives it up if it serves nobody but the cache. */
  cancelIfBehind(): void {
    if (this.#isBehindRequests && this.#readers.seats.size === 0) this.cancel();
  }

  chunkAt(index: number): Buffer | undefined {
    return this.#readers.chunkAt(index);
  }

  progressed(): void {
    this.#readers.progressed();
  }

  informational(status: number, headers: ReplyHeaders): void {
    const fields = replyHeaders(headers, status);
    for (const seat of this.#readers.seats) seat.client.x.writeInformational(status, fields);
  }

  head(status: number, headers: ReplyHeaders): void {
    const head = { status, headers };
    this.#arrivedAt = this.#clock.now();
    if (this.#stale !== undefined && this.#isAnsweredByStale(head, this.#stale)) return;
    const verdict = this.#client.judge(head);
    this.#head = head;
    this.#verdict = verdict;
    this.#slotKey = this.#events.learn(this.#client, verdict, status);
    const announcedBytes = Number(joined(headers['content-length']) ?? 0);
    this.#isStoring = this.#slotKey !== undefined && !this.#isOutdated && announcedBytes <= this.#client.maxEntryBytes;
    if (!verdict.share || !this.#isStoring) this.#close();
    for (const seat of this.#readers.seats) {
      if (seat === this.#leader || this.#isFor(seat)) this.#begin(seat, head);
      else this.#release(seat, verdict.share);
    }
    if (this.#readers.seats.size === 0 && !this.#isStoring) this.cancel();
  }

  data(chunk: Buffer, resume: () => void): boolean {
    if (this.#isMuted) return this.#discard(chunk);
    const fits = this.#readers.add(chunk);
    if (this.#isStoring && fits && this.#readers.heldBytes <= this.#client.maxEntryBytes) return true;
    if (this.#isStoring) {
      this.#isStoring = false;
      this.#close();
      if (this.#readers.seats.size === 0) this.cancel();
    }
    return this.#readers.takeMore(resume);
  }

  end(): void {
    if (this.#isMuted) return;
    this.ended = true;
    if (this.#isStoring && !this.#isOutdated) this.#keep();
    this.#close();
    this.#readers.pump();
    this.#tidy();
  }

  cutReply(): void {
    for (const seat of this.#readers.seats) {
      this.#readers.seats.delete(seat);
      seat.cut(this.failure);
    }
  }

  async #run(): Promise<void> {
    this.#leaders++;
    let refusal: Refusal | undefined;
    try {
      refusal = await forward(this, this.#client.request(this.#stale), this, this.#stack);
    } catch (error) {
      this.#events.bug(error);
      refusal = new Refusal('internal-error', 'the gateway failed; its log has the reason under this request id');
    }
    if (!this.ended && this.#goesOn(refusal)) return;
    this.#close();
    if (!this.ended) this.#readers.clear();
    const hasFailed = refusal !== undefined || this.#isError;
    if (this.#isBehindRequests && hasFailed && this.#stale !== undefined) this.#events.refreshFailed(this.#stale);
    this.#events.ended(this);
  }

  /** What the end of the request means to those who still wait; true where another has set off for them. */
  #goesOn(refusal: Refusal | undefined): boolean {
    const { seats } = this.#readers;
    const leader = this.#leader;
    if (refusal !== undefined) {
      this.#serveOnError(seats, undefined);
      if (leader !== undefined && seats.has(leader)) this.#fail(leader, refusal);
    }
    // Who is still there has got no reply: of the others, the one that came last has the most time left.
    const next = leader !== undefined && seats.has(leader) ? leader : [...seats].at(-1);
    if (next === undefined) return false;
    if (this.#leaders < MAX_LEADERS && !this.over) {
      this.#startOver(next);
      return true;
    }
    const ending = refusal ?? new Refusal('upstream-failed', 'the backend gave no reply that can be passed on');
    for (const seat of seats) this.#fail(seat, ending);
    return false;
  }

  #startOver(next: Seat): void {
    this.#readers.clear();
    this.#head = undefined;
    this.#isStoring = false;
    this.#isMuted = false;
    this.failure = undefined;
    this.waitMs = 0;
    this.permitMs = 0;
    this.execMs = 0;
    for (const seat of this.#readers.seats) seat.restart();
    this.launch(next);
  }

  #fail(seat: Seat, refusal: Refusal): void {
    this.#readers.seats.delete(seat);
    this.#tellTimes(seat, this.#clock.now());
    seat.client.x.failure = this.failure;
    seat.end(refusal);
  }

  /** A 304, or an error in whose place a stale reply serves: whether it has answered everybody. */
  #isAnsweredByStale(head: ReplyHead, stale: Entry): boolean {
    if (head.status === 304) {
      this.#isMuted = true;
      if (validates(headOf(stale), head)) this.#confirm(stale, head);
      else {
        // It speaks of something that is not here: ask again, for the whole.
        this.#stale = undefined;
        this.#events.forget(stale);
      }
      return true;
    }
    if (head.status < 500) return false;
    this.#isError = true;
    this.#serveOnError(this.#readers.seats, head.status);
    this.#isMuted = this.#readers.seats.size === 0;
    return this.#isMuted;
  }

  /** The stored reply, with what the 304 says anew, answers everybody and is fresh again. */
  #confirm(stale: Entry, notModified: ReplyHead): void {
    const head = updatedHead(stale, notModified);
    const verdict = this.#client.judge(head);
    const lifetime = verdict.store ? verdict.lifetime : stale.lifetime;
    const entry = this.#entryOf(head, lifetime, stale.body);
    const slotKey = verdict.store ? this.#events.learn(this.#client, verdict, head.status) : undefined;
    if (slotKey === undefined) this.#events.forget(stale);
    else if (!this.#isOutdated) this.#events.keep(slotKey, entry);
    this.#close();
    for (const seat of this.#readers.seats) {
      if (seat !== this.#leader && !(verdict.share && this.#selects(seat, verdict))) this.#release(seat, verdict.share);
      else this.#serve(seat, entry, 'revalidated', 304);
    }
  }

  #serveOnError(seats: Iterable<Seat>, status: number | undefined): void {
    const stale = this.#stale;
    if (stale === undefined) return;
    for (const seat of seats) {
      if (servesOnError(stale, seat.client.demands, this.#clock.now())) this.#serve(seat, stale, 'stale', status);
    }
  }

  #serve(seat: Seat, entry: Entry, result: 'revalidated' | 'stale', status: number | undefined): void {
    this.#readers.seats.delete(seat);
    this.#tellTimes(seat, this.#clock.now());
    this.#events.serve(seat, entry, result, status);
  }

  #begin(seat: Seat, head: ReplyHead): void {
    this.#tellTimes(seat, this.#arrivedAt);
    seat.begin(head, { isStored: this.#isStoring, isCollapsed: seat !== this.#leader });
    if (!seat.isSatisfied) return;
    this.leave(seat);
    seat.end(undefined);
  }

  #isFor(seat: Seat): boolean {
    const verdict = this.#verdict;
    return verdict?.share === true && this.#selects(seat, verdict);
  }

  #selects(seat: Seat, verdict: Verdict): boolean {
    if (!verdict.store || verdict.vary.length === 0) return true;
    return this.#events.selectSame(verdict.vary, this.#client, seat.client);
  }

  #release(seat: Seat, mayShare: boolean): void {
    this.#readers.seats.delete(seat);
    this.#tellTimes(seat, this.#arrivedAt);
    this.#events.release(seat, mayShare);
  }

  /** What the leader waits for is its own request; what the others wait for is the leader's. */
  #tellTimes(seat: Seat, until: number): void {
    const { x } = seat.client;
    if (seat === this.#leader) {
      x.waitMs = this.waitMs;
      x.permitMs = this.permitMs;
      x.execMs = this.execMs;
      x.execPhase = this.execPhase;
    } else x.flightMs += Math.max(0, until - seat.joinedAt);
    // Told again after another attempt, this time does not count twice.
    seat.joinedAt = Math.max(seat.joinedAt, until);
  }

  #entryOf(head: ReplyHead, lifetime: Entry['lifetime'], body: Buffer | string): Entry {
    const arrivedAtWallMs = this.#clock.wallNow() - (this.#clock.now() - this.#arrivedAt);
    const arrivedAt = this.#arrivedAt;
    return makeEntry({ key: this.key, head, lifetime, body, arrivedAt, arrivedAtWallMs }, this.#lines);
  }

  #keep(): void {
    if (this.#slotKey === undefined || this.#verdict?.store !== true || this.#head === undefined) return;
    this.#events.keep(this.#slotKey, this.#entryOf(this.#head, this.#verdict.lifetime, this.#readers.whole()));
  }

  #discard(chunk: Buffer): boolean {
    this.#discardedBytes += chunk.length;
    if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.cancel();
    return true;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(this);
  }

  #tidy(): void {
    if (this.#readers.seats.size === 0) this.#readers.clear();
  }
}

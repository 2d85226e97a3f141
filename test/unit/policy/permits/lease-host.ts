import type { AddressedOrder } from '../../../../src/policy/permits/addressed-order.ts';
import { LeaseAllocator } from '../../../../src/policy/permits/lease-allocator.ts';
import { LeaseState } from '../../../../src/policy/permits/lease-state.ts';
import type { LeaseOrder, LeaseReport } from '../../../../src/protocol/lease.ts';

/** The backends are these now, by position. */
interface MembersNews {
  readonly kind: 'members';
  readonly present: readonly boolean[];
}

interface Link {
  readonly toWorker: (LeaseOrder | MembersNews)[];
  readonly toControl: LeaseReport[];
}

interface Worker {
  readonly id: string;
  readonly holder: LeaseState;
  readonly inFlight: number[];
  queued: number;
  link: Link | undefined;
  alive: boolean;
}

interface Orphan {
  readonly worker: string;
  readonly inFlight: number[];
}

/**
 * A host in miniature: one control, some workers, and messages under way between them that arrive in order, or not at
 * all when a link or a process ends.
 */
export class LeaseHost {
  now = 0;
  readonly caps: number[];
  readonly workers: Worker[] = [];
  /** Requests at each backend that were left behind by workers that died. */
  readonly orphans: Orphan[] = [];
  book: LeaseAllocator;
  readonly #present: boolean[];
  #saved: ReturnType<LeaseAllocator['saved']> = [];

  constructor(caps: number[], workers: number) {
    this.caps = caps;
    this.book = new LeaseAllocator(caps);
    this.#present = caps.map(() => true);
    for (let index = 0; index < workers; index++) this.addWorker();
  }

  addWorker(): void {
    const id = `w${this.workers.length}`;
    const holder = new LeaseState(this.caps.map(() => 0));
    this.workers.push({ id, holder, inFlight: this.caps.map(() => 0), queued: 0, link: undefined, alive: true });
    this.connect(this.workers.length - 1);
  }

  connect(index: number): void {
    const worker = this.workers[index];
    if (worker === undefined || !worker.alive || worker.link !== undefined) return;
    worker.link = { toWorker: [{ kind: 'members', present: [...this.#present] }], toControl: [] };
    worker.holder.connected();
    this.#send(this.book.joined(worker.id, worker.holder.report(worker).held, this.now));
  }

  cut(index: number): void {
    const worker = this.workers[index];
    if (worker?.link === undefined) return;
    worker.link = undefined;
    this.book.disconnected(worker.id);
  }

  kill(index: number): void {
    const worker = this.workers[index];
    if (worker === undefined || !worker.alive) return;
    worker.alive = false;
    worker.link = undefined;
    this.orphans.push({ worker: worker.id, inFlight: [...worker.inFlight] });
    worker.inFlight.fill(0);
    this.book.disconnected(worker.id);
    this.book.died(worker.id);
  }

  /** The backend drops what a dead worker left there, and control sees it. */
  clear(orphan: Orphan | undefined, backend: number): void {
    if (orphan === undefined || backend >= this.caps.length) return;
    orphan.inFlight[backend] = 0;
    this.#send(this.book.cleared(orphan.worker, backend, this.now));
  }

  /** Control dies, and another takes its place with what was on disk. */
  replaceControl(): void {
    for (const worker of this.workers) worker.link = undefined;
    const dead = this.workers.filter(({ alive }) => !alive).map(({ id }) => id);
    this.book = new LeaseAllocator(this.caps, this.#saved);
    for (const id of dead) this.book.died(id);
  }

  setCap(backend: number, cap: number): void {
    if (backend >= this.caps.length) return;
    this.caps[backend] = cap;
    this.#send(this.book.setCap(backend, cap, this.now));
  }

  /** A backend comes, or comes back. */
  joinBackend(backend: number, cap: number): void {
    if (backend > this.caps.length || this.#present[backend] === true) return;
    const isNew = backend === this.caps.length;
    this.caps[backend] = cap;
    this.#present[backend] = true;
    this.#tellMembers();
    this.#send(isNew ? this.book.add(cap, this.now) : this.book.setCap(backend, cap, this.now));
  }

  leaveBackend(backend: number): void {
    if (this.#present[backend] !== true) return;
    this.caps[backend] = 0;
    this.#present[backend] = false;
    this.#tellMembers();
    this.#send(this.book.setCap(backend, 0, this.now));
  }

  #tellMembers(): void {
    for (const { link } of this.workers) link?.toWorker.push({ kind: 'members', present: [...this.#present] });
  }

  setLimit(limit: number): void {
    this.#send(this.book.setLimit(limit, this.now));
  }

  arrive(index: number, backend: number): void {
    const worker = this.workers[index];
    if (worker === undefined || !worker.alive) return;
    if (this.#start(worker, backend)) return;
    worker.queued++;
    this.#pump(worker);
    if (worker.queued === 0) return;
    this.#report(worker);
  }

  /** A request of a session comes whose backend is this one; the worker asks for a permit there if it has none. */
  arriveAt(index: number, backend: number): void {
    const worker = this.workers[index];
    if (worker === undefined || !worker.alive || this.#start(worker, backend)) return;
    const wanted = this.caps.map((_, one) => (one === backend ? 1 : 0));
    worker.link?.toControl.push(worker.holder.report({ ...worker, wanted }));
  }

  finish(index: number, backend: number): void {
    const worker = this.workers[index];
    if (worker === undefined || (worker.inFlight[backend] ?? 0) === 0) return;
    const owed = worker.holder.isOverdrawn(backend, worker.inFlight[backend] as number);
    (worker.inFlight[backend] as number)--;
    this.#pump(worker);
    if (owed) this.#report(worker);
  }

  /** Everything in flight ends, and what began in its place. */
  finishAll(): void {
    for (const [index, { inFlight }] of this.workers.entries()) {
      for (const backend of inFlight.keys()) while ((inFlight[backend] ?? 0) > 0) this.finish(index, backend);
    }
  }

  deliverToWorker(index: number): void {
    const worker = this.workers[index];
    const order = worker?.link?.toWorker.shift();
    if (worker === undefined || order === undefined) return;
    if (order.kind === 'members') this.#useMembers(worker, order);
    else worker.holder.apply(order, worker);
    this.#pump(worker);
    this.#report(worker);
  }

  #useMembers(worker: Worker, { present }: MembersNews): void {
    while (worker.inFlight.length < present.length) worker.inFlight.push(0);
    worker.holder.useBackends(
      present.map((is) => (is ? 1 : 0)),
      present,
    );
  }

  deliverToControl(index: number): void {
    const worker = this.workers[index];
    const report = worker?.link?.toControl.shift();
    if (worker === undefined || report === undefined) return;
    this.#send(this.book.reported(worker.id, report, this.now));
  }

  tick(ms: number): void {
    this.now += ms;
    this.#send(this.book.tick(this.now));
  }

  /** Everything that is under way arrives, until nothing is. */
  settle(): void {
    for (let round = 0; round < 1000; round++) {
      let busy = false;
      for (const [index, { link }] of this.workers.entries()) {
        if (link === undefined) continue;
        busy ||= link.toControl.length > 0 || link.toWorker.length > 0;
        this.deliverToControl(index);
        this.deliverToWorker(index);
      }
      if (!busy) return;
    }
    throw new Error('the messages do not come to an end');
  }

  /** Repeats the call of everyone whose work waits, as workers do. */
  repeatCalls(): void {
    for (const worker of this.workers) if (worker.queued > 0) this.#report(worker);
  }

  /** What backends could have in flight at worst: used, usable, or left behind. */
  held(backend: number): number {
    let sum = 0;
    for (const { alive, holder, inFlight } of this.workers) {
      if (alive) sum += Math.max(holder.permits[backend] ?? 0, inFlight[backend] ?? 0);
    }
    for (const { inFlight } of this.orphans) sum += inFlight[backend] ?? 0;
    return sum;
  }

  #start(worker: Worker, backend: number): boolean {
    if ((worker.inFlight[backend] ?? 0) >= (worker.holder.permits[backend] ?? 0)) return false;
    (worker.inFlight[backend] as number)++;
    return true;
  }

  #pump(worker: Worker): void {
    for (let backend = 0; backend < this.caps.length && worker.queued > 0; backend++) {
      while (worker.queued > 0 && this.#start(worker, backend)) worker.queued--;
    }
  }

  #report(worker: Worker): void {
    worker.link?.toControl.push(worker.holder.report(worker));
  }

  #send(orders: AddressedOrder[]): void {
    this.#saved = this.book.saved();
    for (const { member, order } of orders) {
      this.workers.find(({ id }) => id === member)?.link?.toWorker.push(order);
    }
  }
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import type { FleetNews } from '../../../../src/policy/fleet/news-progress.ts';
import type { FleetNewsStore } from '../../../../src/store/fleet-news.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { ModelHost, type ModelReply, ModelServer, type ModelWorker } from './news-model.ts';

/** PostgreSQL, which all hosts share. */
function memoryStore(): FleetNewsStore {
  const rows: FleetNews[] = [];
  return {
    add: async (news) => void rows.push(news),
    issued: async () => {},
    recent: async () => rows,
  };
}

class Model {
  readonly clock = new ManualClock();
  readonly server = new ModelServer(this.clock);
  readonly hosts: readonly ModelHost[];
  /** The generation that the backend answers with. */
  generation = 1;
  /** The generation of the last purge that every host has acknowledged. */
  acknowledged = 0;
  /** What the hosts share, and the replies that are written to it later. */
  shared: ModelReply | undefined;
  readonly writes: ModelReply[] = [];
  /** Purges that were answered. */
  answers = 0;

  constructor() {
    const store = memoryStore();
    this.hosts = ['a', 'b'].map((name) => new ModelHost(name, this.server, this.clock, store));
  }

  /** Promises that are due are resolved. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await setImmediate();
  }

  /** In steps, because answers and timers follow each other. */
  async advance(ms: number, isAwake: (worker: ModelWorker) => boolean): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(250, left));
      await this.settle();
      for (const host of this.hosts) for (const worker of host.workers) if (isAwake(worker)) host.deliver(worker);
      await this.settle();
    }
  }

  async purge(host: ModelHost): Promise<void> {
    const generation = ++this.generation;
    const isEverywhere = await host.purge();
    this.answers++;
    if (isEverywhere) this.acknowledged = Math.max(this.acknowledged, generation);
  }

  /** A request to a worker: out of its cache if it trusts that, else from the backend. */
  serve(worker: ModelWorker): void {
    this.check(worker);
    if (worker.stored !== undefined && this.clock.now() < worker.trustedUntil) return;
    const found = this.found(worker);
    worker.stored = found ?? this.generation;
    if (found === undefined) this.writes.push({ generation: this.generation, fetchedAt: worker.marks.position });
  }

  /** The generation that the worker would take from the shared cache. */
  found({ marks, trustedUntil }: ModelWorker): number | undefined {
    const { shared } = this;
    if (shared?.fetchedAt === undefined || this.clock.now() >= trustedUntil || marks.position === undefined)
      return undefined;
    const key = { endpoint: 'app', host: 'a', target: '/', text: 'app\na\n/', groups: [] };
    return marks.verdictOn({ ...key, fetchedAt: shared.fetchedAt }) === 'valid' ? shared.generation : undefined;
  }

  /** One reply reaches the shared cache. */
  write(): void {
    this.shared = this.writes.shift() ?? this.shared;
  }

  /** The generation that the worker would serve from its cache. */
  check(worker: ModelWorker): void {
    const found = this.found(worker) ?? this.acknowledged;
    assert.ok(found >= this.acknowledged, `shared ${found} after ${this.acknowledged} was acknowledged`);
    if (worker.stored === undefined || this.clock.now() >= worker.trustedUntil) return;
    assert.ok(
      worker.stored >= this.acknowledged,
      `served ${worker.stored} after ${this.acknowledged} was acknowledged`,
    );
  }
}

const host = fc.nat(1);
/** Mostly the same one, so that what is done to it adds up. */
const worker = fc.constantFrom<number>(0, 0, 0, 1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('purge' as const), host }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('serve' as const), host, worker }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('fetch' as const), host, worker }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(20, 300, 1000, 3000, 7000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('nudge' as const), host }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('cut' as const, 'slow' as const, 'lossy' as const, 'control' as const),
      host,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('hang' as const, 'leave' as const, 'join' as const, 'restart' as const),
      host,
      worker,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('replace' as const, 'trim' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function run(steps: readonly Step[]): Promise<Model> {
  const model = new Model();
  const hung = new Set<ModelWorker>();
  const isAwake = (one: ModelWorker): boolean => !hung.has(one);
  await model.advance(7000, isAwake);
  for (const { workers } of model.hosts) for (const each of workers) model.serve(each);
  for (const one of steps) {
    const at = model.hosts['host' in one ? one.host : 0] as ModelHost;
    const of = at.workers['worker' in one ? one.worker : 0] as ModelWorker;
    if (one.do === 'purge') void model.purge(at);
    else if (one.do === 'serve') model.serve(of);
    else if (one.do === 'fetch') endOrBeginFetch(model, of);
    else if (one.do === 'wait') await model.advance(one.ms, isAwake);
    else if (one.do === 'nudge') at.nudge();
    else if (one.do === 'write') model.write();
    else if (one.do === 'replace') model.server.replace();
    else if (one.do === 'trim') model.server.trim();
    else if (one.do === 'hang') {
      if (!hung.delete(of)) hung.add(of);
    } else if (one.do === 'leave') at.leave(of);
    else if (one.do === 'join') at.join(of);
    else if (one.do === 'restart') {
      hung.delete(of);
      at.restart(of);
    } else fault(at, one.do);
    await model.settle();
    for (const { workers } of model.hosts) for (const each of workers) if (isAwake(each)) model.check(each);
  }
  return model;
}

function endOrBeginFetch(model: Model, worker: ModelWorker): void {
  const { fetch } = worker;
  const { generation } = model;
  if (fetch === undefined) worker.fetch = { generation, fetchedAt: worker.marks.position, isInvalidated: false };
  else {
    worker.fetch = undefined;
    // It may have been on its way to the shared cache when it was invalidated.
    model.writes.push(fetch);
    if (!fetch.isInvalidated) worker.stored = fetch.generation;
  }
}

function fault(host: ModelHost, kind: 'cut' | 'slow' | 'lossy' | 'control'): void {
  if (kind === 'cut') {
    host.isCut = !host.isCut;
    host.connections++;
  } else if (kind === 'slow') {
    host.isSlow = !host.isSlow;
    for (const answer of host.slow.splice(0)) answer();
  } else if (kind === 'lossy') host.losesAnswers = !host.losesAnswers;
  else {
    host.startControl();
    for (const worker of host.workers) host.join(worker);
  }
}

const wait = (ms: 20 | 300 | 1000 | 3000 | 7000): Step => ({ do: 'wait', ms });
const at = (kind: 'purge' | 'nudge' | 'cut' | 'slow' | 'lossy' | 'control', one: number): Step => ({
  do: kind,
  host: one,
});
const of = (kind: 'serve' | 'fetch' | 'hang' | 'leave' | 'join' | 'restart', one: number, instance = 0): Step => ({
  do: kind,
  host: one,
  worker: instance,
});

const replace: Step = { do: 'replace' };
/** For a purge at the first host to be answered, if nobody else is waited for. */
const patience = [wait(300), wait(300), wait(300), wait(300), wait(300)];

const histories: Readonly<Record<string, readonly Step[]>> = {
  'a reply whose fetch began before a purge reaches the shared cache after it': [
    of('fetch', 1),
    at('purge', 0),
    wait(1000),
    of('fetch', 1),
    // Those of the four workers that have served before are the first ones.
    ...Array.from({ length: 5 }, (): Step => ({ do: 'write' })),
  ],
  'the host that purges has heard nobody for a while': [
    at('slow', 0),
    wait(7000),
    at('purge', 0),
    at('slow', 0),
    at('purge', 0),
    wait(20),
    at('cut', 0),
  ],
  'an answer is late, and its host is then cut off': [
    at('slow', 1),
    wait(3000),
    wait(1000),
    at('cut', 1),
    at('slow', 1),
    wait(3000),
    at('purge', 0),
    ...patience,
  ],
  'control dies while workers without a connection have missed a purge': [
    of('leave', 1),
    of('leave', 1, 1),
    wait(7000),
    at('purge', 0),
    wait(3000),
    at('control', 1),
    wait(1000),
  ],
  'control dies, and a worker does not come back': [
    at('control', 1),
    of('leave', 1),
    wait(300),
    at('purge', 0),
    ...patience,
  ],
  'a host is cut off, and the server and the other control are new': [
    at('cut', 1),
    replace,
    at('control', 0),
    wait(300),
    at('purge', 0),
    ...patience,
  ],
  'a fetch that began before a purge ends after it': [
    of('fetch', 1),
    at('purge', 0),
    wait(300),
    of('fetch', 1),
    wait(20),
  ],
};

describe('NewsDesk over a fleet', () => {
  test('no worker serves a reply that is older than an acknowledged purge, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => void (await run(steps))),
      { numRuns: 80 },
    );
  });

  for (const [what, steps] of Object.entries(histories))
    test(`nor in a history that has once been wrong: ${what}`, async () => void (await run(steps)));

  test('a purge is acknowledged within a second while nothing fails, and answered within two and a half in any case', async () => {
    const model = await run([
      { do: 'purge', host: 0 },
      { do: 'wait', ms: 1000 },
    ]);
    assert.equal(model.acknowledged, 2);
    const apart = await run([
      { do: 'cut', host: 1 },
      { do: 'purge', host: 0 },
      { do: 'wait', ms: 3000 },
    ]);
    assert.deepEqual([apart.acknowledged, apart.answers], [0, 1]);
  });

  test('a host that is back from a cut hears of every purge, also by another host that issues the rows again', async () => {
    const model = await run([
      { do: 'serve', host: 1, worker: 0 },
      { do: 'purge', host: 0 },
      { do: 'replace' },
      { do: 'wait', ms: 7000 },
      { do: 'wait', ms: 3000 },
      { do: 'purge', host: 0 },
      { do: 'wait', ms: 1000 },
    ]);
    assert.equal(model.acknowledged, 3);
  });
});

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { EventHub } from '../../../../src/control/see/event-hub.ts';
import { mergePatched } from '../../../../src/core/merge-patch.ts';
import { FakeLiveSource } from '../../../support/fake-live-source.ts';
import { quietInstruments } from '../../../support/instruments.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

/** A viewer that keeps what it gets, and can stop reading. */
class FakeViewer {
  writableNeedDrain = false;
  isEnded = false;
  readonly texts: string[] = [];
  #leave: (() => void) | undefined;

  write(text: string): boolean {
    this.texts.push(text);
    return !this.writableNeedDrain;
  }

  writeHead(): this {
    return this;
  }

  once(name: string, callback: () => void): this {
    if (name === 'close') this.#leave = callback;
    return this;
  }

  end(): void {
    this.isEnded = true;
    this.#leave?.();
  }

  destroy(): void {
    this.end();
  }

  /** The events since the last call, with their names, ids and data. */
  take(): { event: string; id: number | undefined; data: unknown }[] {
    const blocks = this.texts.splice(0).join('').split('\n\n');
    return blocks
      .filter((block) => block.includes('data: '))
      .map((block) => ({
        event: /^event: (.*)$/m.exec(block)?.[1] ?? '',
        id: /^id: (\d+)$/m.test(block) ? Number(/^id: (\d+)$/m.exec(block)?.[1]) : undefined,
        data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') as unknown,
      }));
  }
}

function start(): {
  source: FakeLiveSource;
  clock: ManualClock;
  hub: EventHub;
  join: (lastChange?: number, isAllowed?: () => boolean) => FakeViewer;
} {
  const source = new FakeLiveSource();
  const clock = new ManualClock();
  const hub = new EventHub({ source, clock, bugs: quietInstruments().bugs });
  const join = (lastChange?: number, isAllowed = () => true): FakeViewer => {
    const viewer = new FakeViewer();
    assert.equal(hub.open(viewer as unknown as ServerResponse, lastChange, isAllowed), true);
    return viewer;
  };
  return { source, clock, hub, join };
}

const namesOf = (events: readonly { event: string }[]): string[] => events.map(({ event }) => event);
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const withoutNulls = (value: unknown): unknown => mergePatched({}, value);

test('a viewer gets the view and the last changes, then a merge patch each second that leads to the view', () => {
  const { source, join } = start();
  source.change('a');
  const viewer = join();
  const [first, changes] = viewer.take();
  assert.deepEqual([first?.event, changes?.event, changes?.id], ['view', 'changes', 1]);
  assert.deepEqual(first?.data, asJson(source.view));
  let view = withoutNulls(first?.data);
  for (const state of ['well', 'overloaded', 'backend-down', 'quiet', 'well'] as const) {
    source.step(state);
    const [delta] = viewer.take();
    assert.equal(delta?.event, 'delta');
    view = mergePatched(view, delta?.data);
    assert.deepEqual(view, withoutNulls(asJson(source.view)));
  }
});

test('an event is written once for all viewers: they get the same text', () => {
  const { source, join } = start();
  const viewers = [join(), join(), join()];
  for (const viewer of viewers) viewer.take();
  source.step();
  const texts = viewers.map(({ texts: [text] }) => text);
  assert.ok(texts[0] !== undefined && texts.every((text) => text === texts[0]));
});

test('a slow reader gets nothing until it reads, then the whole view and the changes that it has missed', () => {
  const { source, join } = start();
  const [slow, quick] = [join(), join()];
  slow.take();
  slow.writableNeedDrain = true;
  for (let second = 0; second < 5; second++) source.step();
  source.change('missed');
  assert.deepEqual(slow.texts, []);
  assert.ok(quick.take().length > 5);
  slow.writableNeedDrain = false;
  source.change('also missed, as its view is old');
  assert.deepEqual(slow.texts, []);
  source.step();
  const [view, changes] = slow.take();
  assert.deepEqual([view?.event, view?.data], ['view', asJson(source.view)]);
  assert.deepEqual([changes?.id, (changes?.data as unknown[] | undefined)?.length], [2, 2]);
  source.step();
  assert.deepEqual(namesOf(slow.take()), ['delta']);
});

test('a reader that is stuck for a minute is let go', () => {
  const { source, clock, join } = start();
  const viewer = join();
  viewer.writableNeedDrain = true;
  source.step();
  clock.advance(59_000);
  source.step();
  assert.equal(viewer.isEnded, false);
  clock.advance(2000);
  source.step();
  assert.equal(viewer.isEnded, true);
});

test('changes have ids, and who comes again with Last-Event-ID gets those after it', () => {
  const { source, join } = start();
  for (const text of ['a', 'b', 'c']) source.change(text);
  const dataOf = (viewer: FakeViewer): unknown => viewer.take().find(({ event }) => event === 'changes')?.data;
  assert.deepEqual(dataOf(join(2)), source.changes.slice(2));
  assert.deepEqual(dataOf(join(3)), []);
  // From the time of a control before this one.
  assert.deepEqual(dataOf(join(99)), source.changes);
  const viewer = join();
  viewer.take();
  const change = source.change('d');
  assert.deepEqual(viewer.take(), [{ event: 'change', id: 4, data: change }]);
});

test('a comment each 15 s keeps the connection, and ends it for those who may no longer read', () => {
  const { clock, join } = start();
  let isAllowed = true;
  const viewer = join(undefined, () => isAllowed);
  viewer.take();
  clock.advance(15_000);
  assert.deepEqual(viewer.texts.splice(0), [':\n\n']);
  isAllowed = false;
  clock.advance(15_000);
  assert.deepEqual([viewer.texts, viewer.isEnded], [[], true]);
});

test('without viewers nothing is computed, and a 65th viewer is refused', () => {
  const { source, hub, join } = start();
  assert.equal(source.listeners, 0);
  const viewers = Array.from({ length: 64 }, () => join());
  assert.equal(source.listeners, 1);
  assert.equal(
    hub.open(new FakeViewer() as unknown as ServerResponse, undefined, () => true),
    false,
  );
  viewers[0]?.end();
  assert.equal(hub.viewers, 63);
  hub.close();
  assert.deepEqual([hub.viewers, source.listeners], [0, 0]);
});

test('a view in which nothing changed sends nothing, and a large host stays below 8 kB a second', () => {
  const source = new FakeLiveSource('well', { backends: 64, workers: 8 });
  const hub = new EventHub({ source, clock: new ManualClock(), bugs: quietInstruments().bugs });
  const viewer = new FakeViewer();
  hub.open(viewer as unknown as ServerResponse, undefined, () => true);
  viewer.texts.length = 0;
  for (let second = 0; second < 60; second++) source.step();
  const bytes = Buffer.byteLength(viewer.texts.join(''));
  assert.ok(bytes / 60 < 8000, `${Math.round(bytes / 60)} bytes a second`);
});

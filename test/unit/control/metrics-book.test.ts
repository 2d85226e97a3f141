import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processName } from '../../../src/core/process-name.ts';
import { Departures } from '../../../src/control/departures.ts';
import { MetricsBook } from '../../../src/control/metrics-book.ts';
import { renderPrometheus } from '../../../src/metrics/exposition.ts';
import { Registry } from '../../../src/metrics/instruments.ts';

function worker() {
  const registry = new Registry();
  const requests = registry.counter('requests_total', 'Requests').of();
  const open = registry.gauge('open', 'Open', 'sum').of();
  return { requests, open, report: () => registry.snapshot() };
}

const valueOf = (book: MetricsBook, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(renderPrometheus(book.merged()))?.[1] ?? Number.NaN);

test('C5: a worker that reconnects is counted once', () => {
  const book = new MetricsBook();
  const { requests, open, report } = worker();
  requests.add(1000);
  open.set(3);
  book.update('a', report());
  for (const more of [1, 10]) {
    book.left('a');
    assert.equal(valueOf(book, 'requests_total'), 1000 + (more === 1 ? 0 : 1));
    requests.add(more);
    book.update('a', report());
  }
  assert.equal(valueOf(book, 'requests_total'), 1011);
  assert.equal(valueOf(book, 'open'), 3);
});

test('counters of left and ended processes stay, without gauges, even after a restart of control', () => {
  const book = new MetricsBook();
  for (const [name, count] of [
    ['gone', 5],
    ['ended', 7],
    ['here', 11],
  ] as const) {
    const { requests, open, report } = worker();
    requests.add(count);
    open.set(1);
    book.update(name, report());
  }
  book.left('gone');
  book.left('ended');
  book.end('ended');
  assert.deepEqual([valueOf(book, 'requests_total'), valueOf(book, 'open')], [23, 1]);
  const again = new MetricsBook(book.state());
  assert.equal(valueOf(again, 'requests_total'), 23);
  const { requests, report } = worker();
  requests.add(12);
  again.update('here', report());
  assert.equal(valueOf(again, 'requests_total'), 24);
});

test('Departures names a member once its process has ended, and not one that has come back', () => {
  const departures = new Departures();
  const alive = processName(process.pid);
  departures.left('alive', alive, 0);
  departures.left('dead', '1-00000000', 0);
  departures.left('back', '1-00000000', 0);
  departures.returned('back');
  departures.left('unseen', undefined, 0);
  assert.deepEqual(departures.ended(1), ['dead']);
  assert.deepEqual(departures.ended(2), []);
  assert.deepEqual(departures.ended(300_000), ['unseen']);
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { NewsJournal } from '../../../../src/control/fleet/news-journal.ts';
import type { FleetNewsStore } from '../../../../src/store/fleet-news.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const newsOf = (id: string) => ({ id, kind: 'purge', host: 'a', body: {} });

function open(store: Partial<FleetNewsStore> | undefined) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const whole = store && { add: async () => {}, issued: async () => {}, recent: async () => [], ...store };
  return { clock, lines, journal: new NewsJournal({ clock, log, store: whole }) };
}

const away = async (): Promise<never> => {
  throw new Error('PostgreSQL is away');
};

describe('NewsJournal', () => {
  test('remembers what this host has told for 15 minutes, and what no stream has had until one has it', async () => {
    const { clock, journal } = open(undefined);
    await journal.add(newsOf('1'));
    await journal.add(newsOf('2'));
    journal.issued('1');
    assert.deepEqual(journal.unissued(), [newsOf('2')]);
    assert.deepEqual(await journal.recent(), { news: [newsOf('1'), newsOf('2')], isWhole: true });
    clock.advance(15 * 60_000 + 1);
    await journal.add(newsOf('3'));
    assert.deepEqual(await journal.recent(), { news: [newsOf('3')], isWhole: true });
    assert.deepEqual(journal.unissued(), [newsOf('2'), newsOf('3')]);
  });

  test('adds the news of all hosts, each once', async () => {
    const { journal } = open({ recent: async () => [newsOf('0'), newsOf('1')] });
    await journal.add(newsOf('1'));
    await journal.add(newsOf('2'));
    assert.deepEqual(await journal.recent(), { news: [newsOf('0'), newsOf('1'), newsOf('2')], isWhole: true });
  });

  test('without PostgreSQL it has its own, says that there may be more, and logs that once', async () => {
    const { journal, lines } = open({ add: away, issued: away, recent: away });
    await journal.add(newsOf('1'));
    for (let time = 0; time < 3; time++)
      assert.deepEqual(await journal.recent(), { news: [newsOf('1')], isWhole: false });
    assert.equal(lines.length, 1);
  });
});

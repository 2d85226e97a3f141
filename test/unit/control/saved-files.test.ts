import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadAlerts } from '../../../src/control/alerts/alert-file.ts';
import { HistoryBook } from '../../../src/control/see/history-book.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-saved-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(value: unknown): string {
  const path = join(folder, 'saved.json');
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}
const alert = { fingerprint: 'x', labels: { alertname: 'X' }, annotations: {}, lastSeenMs: 5, told: 'firing' };
const alertsFrom = (startsAtMs: number): unknown => ({
  state: { tracked: [{ ...alert, startsAtMs }] },
  silences: [],
  outbox: [],
});

test('saved alerts with a time that no Date takes count as none, as a broken file does', () => {
  assert.equal(loadAlerts(fileOf(alertsFrom(4))).state.tracked.length, 1);
  for (const wrong of [alertsFrom(-1e300), alertsFrom(1e300), '{broken', 'null', '[]'])
    assert.deepEqual(loadAlerts(fileOf(wrong)).state.tracked, []);
});

const changeAt = (id: number, atMs: number): unknown => ({
  tiers: [],
  usualWork: {},
  changes: [{ id, atMs, kind: 'verdict', text: 'well', who: null }],
});

test('a saved history with numbers that cannot be counted on counts as none', () => {
  assert.equal(new HistoryBook(fileOf(changeAt(1, 1))).load().changes.length, 1);
  const endlessWork = { tiers: [], changes: [], usualWork: { app: { meanMs: -1, weight: 1e300 } } };
  for (const wrong of [changeAt(1e308, 1), changeAt(1, 1e300), endlessWork, '{broken', 'null'])
    assert.deepEqual(new HistoryBook(fileOf(wrong)).load(), { changes: [], usualWork: {}, slo: undefined });
});

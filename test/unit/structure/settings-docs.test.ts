import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { routeSchema } from '../../../src/config/route-schema.ts';
import { upstreamSchema } from '../../../src/config/upstream-schema.ts';

const settingsIn = (table: string): (string | undefined)[] =>
  [...table.matchAll(/^\| (`[^|]+`) \|/gm)]
    .flatMap(([, names = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name))
    .toSorted();

const page = readFileSync(new URL('../../../docs/routes.md', import.meta.url), 'utf8');

test('the table of upstream settings in docs/operating.md has exactly the settings of the schema', () => {
  const operating = readFileSync(new URL('../../../docs/operating.md', import.meta.url), 'utf8');
  const table = /^\| setting of an upstream \|[^]*?\n\n/m.exec(operating)?.[0] ?? '';
  assert.deepEqual(settingsIn(table), Object.keys(upstreamSchema.shape).toSorted());
});

test('the table of route settings in docs/routes.md has exactly the settings of the schema', () => {
  const table = /^\| setting of a route \|[^]*/m.exec(page)?.[0] ?? '';
  assert.deepEqual(settingsIn(table), Object.keys(routeSchema.shape).toSorted());
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { routeSchema } from '../../../src/config/route-schema.ts';

const page = readFileSync(new URL('../../../docs/routes.md', import.meta.url), 'utf8');

test('the table of route settings in docs/routes.md has exactly the settings of the schema', () => {
  const table = /^\| setting of a route \|[^]*/m.exec(page)?.[0] ?? '';
  const named = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  assert.deepEqual(named.toSorted(), Object.keys(routeSchema.shape).toSorted());
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runJsonSchema } from '../../../../src/lab/report/run-schema.ts';

test('docs/run.schema.json is the schema that runs are read by; npm run docs:schema writes it anew', () => {
  const published = readFileSync(new URL('../../../../docs/run.schema.json', import.meta.url), 'utf8');
  assert.deepEqual(JSON.parse(published), JSON.parse(JSON.stringify(runJsonSchema())));
});

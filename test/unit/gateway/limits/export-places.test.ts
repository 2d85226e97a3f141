import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExportPlaces } from '../../../../src/gateway/limits/export-places.ts';
import { Refusal } from '../../../../src/gateway/refusal.ts';
import { quietInstruments } from '../../../support/instruments.ts';

test('ExportPlaces gives two places to a key and four in all, and takes them back, also after a failure', async () => {
  const places = new ExportPlaces(quietInstruments().registry);
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<string>());
  const running = gates.map(({ promise }, index) => places.run(index < 2 ? 'one' : `other ${index}`, () => promise));
  const refused = await places.run('one', async () => 'sent');
  assert.ok(refused instanceof Refusal);
  assert.equal(refused.reason, 'overloaded');
  assert.ok((await places.run('third', async () => 'sent')) instanceof Refusal);
  gates[0]?.resolve('sent');
  assert.equal(await running[0], 'sent');
  assert.equal(await places.run('one', async () => 'sent'), 'sent');
  gates[1]?.reject(new Error('broken'));
  await assert.rejects(running[1] ?? Promise.resolve(), /broken/);
  assert.equal(await places.run('one', async () => 'sent'), 'sent');
  for (const { resolve } of gates.slice(2)) resolve('sent');
  await Promise.all(running.slice(2));
});

import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { cancelAnyBatch, listAllBatches } from '../../../src/control/admin-batches.ts';
import type { AdminRequest } from '../../../src/control/admin-request.ts';
import { someBatch, someBatches } from '../../support/batch-overview.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('cancelAnyBatch: is a change once, and none where the batch had ended or does not exist', async () => {
  const clock = new ManualClock();
  const batches = someBatches(clock.wallNow());
  const changes: string[] = [];
  const control = {
    config: { builtin: false },
    observer: { changed: (kind: string, text: string) => void changes.push(`${kind}: ${text}`) },
  };
  const cancel = async (id = ''): Promise<unknown> => {
    const req = { headers: {} } as IncomingMessage;
    const answer = await cancelAnyBatch({ control, clock, batches, req, parts: [id] } as unknown as AdminRequest);
    return Reflect.get(answer, 'status');
  };
  const [running, , completed] = batches.batches.map(({ id }) => id);
  assert.deepEqual(
    [await cancel(running), await cancel(running), await cancel(completed), await cancel('none')],
    ['cancelled', 'cancelled', 'completed', 404],
  );
  assert.deepEqual(changes, [`batch: batch ${running} of nightly import is cancelled`]);
});

test('listAllBatches: says whether there are more than it shows', async () => {
  for (const [count, shown, hasMore] of [
    [0, 0, false],
    [50, 50, false],
    [51, 50, true],
  ]) {
    const newest = async () => Array.from({ length: Number(count) }, (_, index) => someBatch(index, 0));
    const request = { control: { config: { builtin: false } }, clock: new ManualClock(), batches: { newest } };
    const list = (await listAllBatches(request as unknown as AdminRequest)) as { batches: []; has_more: boolean };
    assert.deepEqual([list.batches.length, list.has_more], [shown, hasMore]);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../../../../src/gateway/upstream/backend.ts';
import { Permit, type PermitOwner } from '../../../../src/gateway/upstream/permit.ts';

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** An owner that fails when a permit comes back, and what it hears of it. */
function failingOwner(): { owner: PermitOwner; heard: string[] } {
  const heard: string[] = [];
  const owner: PermitOwner = {
    returned() {
      throw new Error('planted');
    },
    failed: (error) => void heard.push(`failed: ${(error as Error).message}`),
    learn: () => void heard.push('learnt'),
    makeStream: () => false,
  };
  return { owner, heard };
}

test('an exception while the permit of a cancelled request comes back is reported, as nobody waits for it', async () => {
  const { owner, heard } = failingOwner();
  new Permit(owner, {} as Backend, 0, 0).release('aborted', Promise.resolve());
  await settle();
  assert.deepEqual(heard, ['learnt', 'failed: planted']);
});

test('an exception while a permit comes back at once is thrown to its holder, who reports it', () => {
  const { owner, heard } = failingOwner();
  assert.throws(() => new Permit(owner, {} as Backend, 0, 0).release('success'), /planted/);
  assert.deepEqual(heard, ['learnt']);
});

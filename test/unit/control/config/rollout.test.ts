import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preparationProblems, Rollout } from '../../../../src/control/config/rollout.ts';
import type { Member } from '../../../../src/control/members.ts';
import type { ControlMessage } from '../../../../src/protocol/messages.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const version = { number: 2, hash: 'abc' };
const worker = (instance: number): Member => ({ id: `w${instance}`, instance, pid: 100 + instance }) as Member;

function open(count: number) {
  const clock = new ManualClock();
  const workers = Array.from({ length: count }, (_, index) => worker(index));
  const sent: [number, ControlMessage['type']][] = [];
  const tell = (member: Member, { type }: ControlMessage): void => void sent.push([member.instance, type]);
  return { clock, workers, sent, rollout: new Rollout({ clock, workers: () => workers, tell }) };
}

const prepared = (problems: string[] = []) => ({ type: 'config-prepared', version, problems }) as const;
const committed = { type: 'config-committed', version, configHash: '', held: {} } as const;

test('Rollout names every worker that refuses, and every one that is silent for 2 s', async () => {
  const { clock, workers, rollout } = open(3);
  const asked = rollout.prepare(version, {});
  rollout.said(workers[0] as Member, prepared(['no room']));
  rollout.said(workers[1] as Member, prepared());
  // Of another change.
  rollout.said(workers[2] as Member, { ...prepared(), version: { number: 1, hash: 'old' } });
  clock.advance(2000);
  assert.deepEqual(preparationProblems(await asked), [
    'worker 0 (process 100): no room',
    'worker 2 (process 102) did not answer within 2 s: it hangs, or is of an earlier version',
  ]);
});

test('Rollout does not wait for a worker that has left', async () => {
  const { workers, rollout } = open(2);
  const asked = rollout.prepare(version, {});
  rollout.said(workers[0] as Member, prepared());
  rollout.left(workers[1] as Member);
  assert.deepEqual(preparationProblems(await asked), []);
});

test('Rollout sends all of the version to a worker that has come since it was prepared', async () => {
  const { workers, sent, rollout } = open(1);
  const asked = rollout.prepare(version, {});
  rollout.said(workers[0] as Member, prepared());
  await asked;
  workers.push(worker(1));
  const committing = rollout.commit(version, {});
  assert.deepEqual(sent, [
    [0, 'config-prepare'],
    [0, 'config-commit'],
    [1, 'config'],
  ]);
  for (const one of workers) rollout.said(one, committed);
  assert.deepEqual((await committing).silent, []);
});

test('Rollout without workers is done at once', async () => {
  const { rollout } = open(0);
  assert.deepEqual(preparationProblems(await rollout.prepare(version, {})), []);
  assert.equal((await rollout.commit(version, {})).reports.size, 0);
});

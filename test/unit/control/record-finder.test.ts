import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '../../../src/control/members.ts';
import { passRecordMessage } from '../../../src/control/record-finder.ts';
import { uuidv7 } from '../../../src/core/ids.ts';
import type { ControlMessage, MemberMessage } from '../../../src/protocol/messages.ts';

function memberOf(id: string, maker: number | undefined): Member {
  return {
    id,
    maker,
    role: 'gateway',
    instance: 0,
    pid: 1,
    version: '1',
    joinedAt: 0,
    startedAtMs: 0,
    processName: undefined,
    status: undefined,
    configHash: undefined,
    configVersion: undefined,
  };
}

const asker = memberOf('asker', 1);
const maker = memberOf('maker', 0xab_cdef);
/** A worker of the version before, which has no number. */
const before = memberOf('before', undefined);
const ask = { number: 5, id: uuidv7(1, 0xab_cdef), keyId: 'k', withImage: true };

/** What control says after a message: to whom, and what. */
function told(from: Member, message: Extract<MemberMessage, { type: 'find-record' | 'record' }>, gateways: Member[]) {
  const said: [string, ControlMessage][] = [];
  passRecordMessage(message, from, gateways, (to, order) => said.push([to.id, order]));
  return said;
}

test('an ask goes to the worker that the id names, and its answer to the one that asked', () => {
  const all = [before, asker, maker];
  assert.deepEqual(told(asker, { type: 'find-record', ask }, all), [
    ['maker', { type: 'find-record', asker: 'asker', ask }],
  ]);
  const answer = { kind: 'absent' } as const;
  assert.deepEqual(told(maker, { type: 'record', asker: 'asker', number: 5, answer }, all), [
    ['asker', { type: 'record', number: 5, answer }],
  ]);
});

test('an ask for a worker that is not here is answered at once, and an answer for one that has gone is dropped', () => {
  assert.deepEqual(told(asker, { type: 'find-record', ask }, [before, asker]), [
    ['asker', { type: 'record', number: 5, answer: { kind: 'unknown' } }],
  ]);
  assert.deepEqual(told(maker, { type: 'record', asker: 'gone', number: 5, answer: { kind: 'absent' } }, [maker]), []);
});

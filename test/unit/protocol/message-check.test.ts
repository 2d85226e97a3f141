import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asControlMessage, asMemberMessage, UNKNOWN_TYPE } from '../../../src/protocol/message-check.ts';
import { controlExamples, memberExamples } from '../../support/messages.ts';

test('the example of each message passes its check', () => {
  for (const example of Object.values(memberExamples)) assert.equal(asMemberMessage(example), example, example.type);
  for (const example of Object.values(controlExamples)) assert.equal(asControlMessage(example), example, example.type);
});

test('a message that lacks any of its needed fields is refused', () => {
  const optional = {
    'cache-position': ['position'],
    report: ['status'],
    ask: ['dryRun', 'force', 'who'],
    answer: ['result'],
    tokens: ['hosts'],
  } as Record<string, string[]>;
  const checkEach = (examples: object, accept: (value: unknown) => unknown): void => {
    for (const example of Object.values(examples) as { readonly type: string }[]) {
      for (const name of Object.keys(example)) {
        if (optional[example.type]?.includes(name)) continue;
        assert.equal(accept({ ...example, [name]: undefined }), undefined, `${example.type} without ${name}`);
      }
    }
  };
  checkEach(memberExamples, asMemberMessage);
  checkEach(controlExamples, asControlMessage);
});

test('a message of an unknown type is told from one that is malformed', () => {
  for (const accept of [asMemberMessage, asControlMessage]) {
    for (const type of ['later', 'constructor', '__proto__', ''])
      assert.equal(accept(JSON.parse(`{"type":"${type}"}`)), UNKNOWN_TYPE, type);
    for (const value of [null, 7, 'x', [], {}, { type: 7 }]) assert.equal(accept(value), undefined);
  }
});

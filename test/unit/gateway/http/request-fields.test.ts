import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldValue, listValue } from '../../../../src/gateway/http/request-fields.ts';

const head = (...values: string[]) => ({
  names: ['host', ...values.flatMap(() => ['tracestate', 'x-other'])],
  lines: ['Host', 'a.example', ...values.flatMap((value) => ['TraceState', value, 'X-Other', 'other'])],
});

test('listValue: joins all lines of a list, in their order, without empty ones', () => {
  const cases: [string[], string | undefined][] = [
    [[], undefined],
    [[''], ''],
    [['a=1'], 'a=1'],
    [['a=1,b=2', 'c=3'], 'a=1,b=2,c=3'],
    [['', 'a=1', '', 'b=2', ''], 'a=1,b=2'],
  ];
  for (const [values, expected] of cases) assert.equal(listValue(head(...values), 'tracestate'), expected);
});

test('fieldValue: is the first line alone', () => {
  assert.equal(fieldValue(head('a=1', 'b=2'), 'tracestate'), 'a=1');
  assert.equal(fieldValue(head(), 'tracestate'), undefined);
});

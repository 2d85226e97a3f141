import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { changeCap } from '../../../src/control/admin-cap.ts';

const request = (body: string, headers: Record<string, string> = {}): IncomingMessage =>
  Object.assign(Readable.from([Buffer.from(body)]), {
    headers: { 'content-type': 'application/json', ...headers },
  }) as unknown as IncomingMessage;

test('changeCap says all that is wrong, and what it got', async () => {
  const asked: unknown[] = [];
  const holder = { setCap: (...what: unknown[]) => asked.push(what) > 0 };
  const detail = async (body: string): Promise<string> => {
    const result = await changeCap(holder, request(body));
    return 'detail' in result ? result.detail : 'done';
  };
  assert.equal(
    await detail('{"upstream":7,"cap":1.5}'),
    'upstream must be a name that /api/status lists: got 7; cap must be a whole number from 0 to 100000: got 1.5',
  );
  assert.match(await detail('{"upstream":"a"}'), /^cap must be a whole number from 0 to 100000: got nothing$/);
  assert.match(await detail('{"upstream":"a","cap":-1}'), /got -1$/);
  assert.match(await detail('{"upstream":"a","cap":1,"backends":2}'), /^there is no backends; the body must be JSON/);
  for (const body of ['', 'x', '[]', '7']) assert.match(await detail(body), /^the body must be JSON such as/, body);
  assert.deepEqual(asked, []);
  assert.equal(await detail('{"upstream":"a","backend":"b","cap":0}'), 'done');
  assert.deepEqual(asked, [['a', 'b', 0, 'admin API, unknown']]);
});

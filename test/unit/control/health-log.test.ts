import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HealthLog } from '../../../src/control/health-log.ts';

function linesOf(changes: readonly (readonly [upstream: string, up: boolean, problem?: string])[]): string[] {
  const lines: string[] = [];
  const say = (details: object, message: string): void => void lines.push(`${JSON.stringify(details)} ${message}`);
  const log = new HealthLog({ info: say, warn: say } as never, (upstream) => upstream === 'generator');
  for (const [upstream, up, problem] of changes)
    log.note([{ upstream, backend: 'b', origin: 'http://b', up, checked: true, problem, report: undefined }]);
  return lines;
}

const down = '{"upstream":"app","backend":"b","problem":"ECONNREFUSED"} a backend is down: it gets no new requests';

test('HealthLog has a line when a backend goes down and one when it comes back', () => {
  assert.deepEqual(
    linesOf([
      ['app', true],
      ['app', false, 'ECONNREFUSED'],
      ['app', true],
    ]),
    [down, '{"upstream":"app","backend":"b"} a backend is up again'],
  );
});

test('HealthLog says that a backend is down at the start, but not of what Rampart itself starts', () => {
  assert.deepEqual(linesOf([['app', false, 'ECONNREFUSED']]), [down]);
  const own = linesOf([
    ['generator', false, 'ECONNREFUSED'],
    ['generator', true],
  ]);
  assert.deepEqual(own, []);
  assert.equal(
    linesOf([
      ['generator', true],
      ['generator', false, 'timeout'],
    ]).length,
    1,
  );
});

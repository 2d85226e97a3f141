import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { parseConfigFile } from '../../../src/config/file.ts';
import { inPlainWords } from '../../../src/config/plain-words.ts';

const schema = z.strictObject({
  cap: z.int().min(1).max(10).optional(),
  timeoutMs: z.number().optional(),
  names: z.array(z.string().min(2)).min(1).optional(),
  mode: z.enum(['fixed', 'adaptive']).optional(),
  wait: z.union([z.literal('auto'), z.int().min(1)]).optional(),
  retry: z.union([z.literal(false), z.strictObject({ attempts: z.int() })]).optional(),
  upstreams: z.record(z.string().regex(/^[a-z]+$/, 'must be small letters'), z.number()).optional(),
  kind: z
    .discriminatedUnion('is', [z.strictObject({ is: z.literal('a') }), z.strictObject({ is: z.literal('b') })])
    .optional(),
});

const problemsOf = (value: unknown): string[] =>
  (schema.safeParse(value, { error: inPlainWords }).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );

test('inPlainWords says what a value must be and what it got', () => {
  assert.deepEqual(problemsOf({ cap: '4', timeoutMs: null, names: 'x', mode: 'both' }), [
    'cap: must be a number: got "4"',
    'timeoutMs: must be a number: got null',
    'names: must be a list: got "x"',
    'mode: must be one of "fixed", "adaptive": got "both"',
  ]);
  assert.deepEqual(problemsOf({ cap: 0, names: ['x'] }), [
    'cap: must be at least 1: got 0',
    'names.0: must be at least 2 characters long: got "x"',
  ]);
  assert.deepEqual(problemsOf({ cap: 11, names: [] }), [
    'cap: must be at most 10: got 11',
    'names: must have at least 1 entry: got []',
  ]);
  assert.deepEqual(problemsOf({ retry: {} }), ['retry: attempts: is missing: it must be a number']);
});

test('inPlainWords names the nearest known name, or all of them', () => {
  assert.deepEqual(problemsOf({ timeout: 3 }), [": there is no 'timeout' here; did you mean 'timeoutMs'?"]);
  assert.deepEqual(problemsOf({ upstrems: 3 }), [": there is no 'upstrems' here; did you mean 'upstreams'?"]);
  assert.deepEqual(problemsOf({ retry: { backoff: 3, attempts: 1 } }), [
    "retry: there is no 'backoff' here; it takes attempts",
  ]);
});

test('inPlainWords words a union by the branch that was meant', () => {
  assert.deepEqual(problemsOf({ wait: 'soon', retry: true }), [
    'wait: must be "auto" or a number: got "soon"',
    'retry: must be false or an object: got true',
  ]);
  assert.deepEqual(problemsOf({ wait: 0 }), ['wait: must be at least 1: got 0']);
  assert.deepEqual(problemsOf({ kind: { is: 'c' } }), ['kind.is: must be one of "a", "b": got "c"']);
});

test('inPlainWords words a name that cannot be used, and leaves a schema its own words', () => {
  assert.deepEqual(problemsOf({ upstreams: { App: 1 } }), [
    'upstreams.App: is no name that can be used here: it must be small letters',
  ]);
});

const SECRET = 'hunter2 hunter2';
const rules = (set: Record<string, unknown>): unknown => ({
  upstreams: { app: { backends: ['http://127.0.0.1:9000'] } },
  routes: [{ endpoint: 'app', path: '/*', upstream: 'app', request: { set } }],
});

for (const [name, value] of [
  ['authorization', `Bearer ${SECRET}\n`],
  ['x-api-key', [SECRET]],
  ['cookie', { text: SECRET }],
] as const) {
  test(`the problem of a wrong ${name} does not repeat it`, () => {
    const { problems } = parseConfigFile(rules({ [name]: value }), 'f.ts');
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', new RegExp(`^f\\.ts: routes\\.0\\.request\\.set\\.${name}: must `));
    assert.ok(!problems.join('\n').includes('hunter2'), problems.join('\n'));
  });
}

test('the problem of a value that is no secret says what it got', () => {
  const { problems } = parseConfigFile(rules({ 'x-shop': 'a\nb' }), 'f.ts');
  assert.match(problems[0] ?? '', /: got "a\\nb"$/);
});

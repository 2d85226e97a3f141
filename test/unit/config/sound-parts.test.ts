import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigFile } from '../../../src/config/file.ts';

const problemsOf = (value: unknown): readonly string[] => parseConfigFile(value, 'f').problems;
const app = { backends: ['http://127.0.0.1:3000'] };
const route = (endpoint: string, more: object = {}): object => ({
  endpoint,
  path: `/${endpoint}`,
  upstream: 'app',
  ...more,
});

test('a reference to nothing is named beside a mistake of another route', () => {
  const problems = problemsOf({
    upstreams: { app },
    routes: [route('one', { timeoutMs: 'soon' }), route('two', { upstream: 'other' }), route('two')],
  });
  assert.equal(problems.length, 4, problems.join('\n'));
  assert.match(problems[0] ?? '', /^f: routes\.0\.timeoutMs/);
  assert.match(problems[1] ?? '', /^f: routes\.1\.upstream: there is no upstream 'other'/);
  assert.match(problems[2] ?? '', /^f: routes\.2\.endpoint: 'two' is taken/);
  assert.match(problems[3] ?? '', /^f: routes\.2\.path: '\/two' is served by routes\.1 already/);
});

test('an upstream with a mistake is there for those that name it', () => {
  const problems = problemsOf({
    upstreams: { app: { ...app, cap: 'many' } },
    routes: [route('one'), route('two', { upstream: 'ap' })],
  });
  assert.equal(problems.length, 2, problems.join('\n'));
  assert.match(problems[0] ?? '', /^f: upstreams\.app\.cap/);
  assert.match(problems[1] ?? '', /^f: routes\.1\.upstream: there is no upstream 'ap'/);
});

test('what a wrong part refers to is not judged, nor a file that is nothing at all', () => {
  const problems = problemsOf({ upstreams: { app }, routes: [route('one', { upstream: 'other', colour: 'red' })] });
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] ?? '', /colour/);
  for (const nothing of [undefined, null, 7, [], 'x']) assert.equal(problemsOf(nothing).length, 1, String(nothing));
  assert.equal(problemsOf({ routes: 'x', upstreams: 7 }).length, 2);
});

test('a mistake elsewhere in the file hides no reference', () => {
  const problems = problemsOf({
    trustedProxies: 'all',
    upstreams: { app },
    routes: [route('one', { upstream: 'other' })],
  });
  assert.equal(problems.length, 2, problems.join('\n'));
});

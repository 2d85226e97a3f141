import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ParsedConfigFile } from '../../../src/config/file-schema.ts';
import { parseConfigFile } from '../../../src/config/file.ts';
import { applyOverrides, overridesBetween } from '../../../src/config/overrides.ts';

const fileOf = (value: unknown): ParsedConfigFile => {
  const { file, problems } = parseConfigFile(value, 'file');
  assert.deepEqual(problems, []);
  return file;
};

const app = { backends: ['http://127.0.0.1:1', 'http://127.0.0.1:2'], cap: 8 };
const route = (endpoint: string, more: object = {}) => ({ endpoint, path: `/${endpoint}`, upstream: 'app', ...more });
const base = fileOf({ upstreams: { app }, routes: [route('one'), route('two', { timeoutMs: 100 })] });
const made = { who: 'me', atMs: 1, persist: false };

/** The overrides to another configuration, without who made them. */
const between = (wanted: unknown) =>
  overridesBetween(base, wanted, made).map(({ path, base: before, value }) => [path.join('.'), before, value]);

describe('overridesBetween', () => {
  test('names the settings that differ, routes by their endpoint', () => {
    const wanted = {
      upstreams: { app: { ...app, cap: 4, healthPath: '/h' }, other: { backends: ['http://127.0.0.1:3'] } },
      routes: [route('two', { timeoutMs: 200 }), route('three')],
    };
    assert.deepEqual(between(wanted), [
      ['upstreams.app.cap', 8, 4],
      ['upstreams.app.healthPath', undefined, '/h'],
      ['upstreams.other', undefined, { backends: ['http://127.0.0.1:3'] }],
      ['routes.one', route('one'), undefined],
      ['routes.two.timeoutMs', 100, 200],
      ['routes.three', undefined, route('three')],
    ]);
    assert.deepEqual(between(base), []);
  });

  test('applied, they give the wanted configuration', () => {
    const wanted = {
      upstreams: { app: { ...app, backends: app.backends.slice(1) } },
      routes: [route('two')],
      keyLimit: { requestsPerSecond: 1, burst: 1 },
    };
    const { file, superseded } = applyOverrides(base, overridesBetween(base, wanted, made));
    assert.deepEqual(file, wanted);
    assert.deepEqual(superseded, []);
  });

  test('keep who made the ones that are there already', () => {
    const first = { ...base, upstreams: { app: { ...app, cap: 4 } } };
    const known = overridesBetween(base, first, { who: 'first', atMs: 1, persist: true });
    const second = { ...first, upstreams: { app: { ...app, cap: 4, required: true } } };
    const overrides = overridesBetween(base, second, { who: 'second', atMs: 2, persist: false }, known);
    assert.deepEqual(
      overrides.map(({ path, who, persist }) => [path.at(-1), who, persist]),
      [
        ['cap', 'first', true],
        ['required', 'second', false],
      ],
    );
  });
});

describe('applyOverrides to a file that has changed', () => {
  const overrides = overridesBetween(base, { ...base, upstreams: { app: { ...app, cap: 4, required: true } } }, made);

  test('the file wins where it has changed the value, and the others stay', () => {
    const changed = fileOf({ ...base, upstreams: { app: { ...app, cap: 16 } } });
    const { file, applied, superseded } = applyOverrides(changed, overrides);
    assert.deepEqual((file as ParsedConfigFile).upstreams?.['app'], { ...app, cap: 16, required: true });
    assert.deepEqual(
      [applied.map(({ path }) => path.at(-1)), superseded.map(({ path }) => path.at(-1))],
      [['required'], ['cap']],
    );
  });

  test('an override in an upstream that is gone is superseded', () => {
    const { file, superseded } = applyOverrides(fileOf({ upstreams: {}, routes: [] }), overrides);
    assert.deepEqual(file, { upstreams: {}, routes: [] });
    assert.equal(superseded.length, 2);
  });

  test('routes that change places keep their overrides', () => {
    const timeout = overridesBetween(base, { ...base, routes: [route('one'), route('two', { timeoutMs: 7 })] }, made);
    const turned = fileOf({ ...base, routes: [route('two', { timeoutMs: 100 }), route('one')] });
    const { file, superseded } = applyOverrides(turned, timeout);
    assert.deepEqual([(file as ParsedConfigFile).routes?.[0], superseded], [route('two', { timeoutMs: 7 }), []]);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configWithFile } from '../../../src/config/config.ts';
import type { ParsedConfigFile } from '../../../src/config/file-schema.ts';
import { parseConfigFile } from '../../../src/config/file.ts';
import { firstFloor, fleetRemarks, isShared, storeRemarks } from '../../../src/config/fleet.ts';
import { UsageError } from '../../../src/core/errors.ts';

const VALKEY_URL = 'redis://10.0.0.1';
type UpstreamOfFile = NonNullable<ParsedConfigFile['upstreams']>[string];
const upstream = (given: Partial<UpstreamOfFile>, env: Record<string, string> = { VALKEY_URL }) =>
  configWithFile(
    env,
    { upstreams: { app: { backends: ['http://10.0.0.9:80'], ...given } } },
    import.meta.dirname,
  ).upstreams.find(({ name }) => name === 'app');
const problemsOf = (given: Partial<UpstreamOfFile>, env: Record<string, string> = { VALKEY_URL }): string => {
  try {
    upstream(given, env);
    return '';
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return [error.message, ...error.problems].join('\n');
  }
};

test('a cap counts over the host unless scope says fleet', () => {
  assert.equal(upstream({})?.fleet, undefined);
  assert.equal(upstream({ scope: 'fleet', mode: 'soft' })?.fleet, undefined);
  assert.deepEqual(upstream({ scope: 'fleet' })?.fleet, {
    mode: 'prompt',
    floorShare: 500,
    expectedHosts: undefined,
    maxDurationMs: undefined,
  });
  assert.deepEqual(upstream({ scope: 'fleet', mode: 'strict', fleet: { floor: 0.8, expectedHosts: 3 } })?.fleet, {
    mode: 'strict',
    floorShare: 800,
    expectedHosts: 3,
    maxDurationMs: 30_000,
  });
});

test('settings of a fleet that cannot work are refused with what would', () => {
  assert.match(problemsOf({ scope: 'fleet' }, {}), /upstreams\.app\.scope: 'fleet' needs VALKEY_URL/);
  assert.match(problemsOf({ mode: 'strict' }), /mode, fleet and maxDurationMs are for scope: 'fleet'/);
  assert.match(
    problemsOf({ scope: 'fleet', mode: 'soft', fleet: { floor: 0.8 } }),
    /upstreams\.app\.fleet: mode: 'soft' has no lease, so there are no floors to set/,
  );
  assert.equal(problemsOf({ scope: 'fleet', mode: 'soft' }), '');
  assert.match(problemsOf({ scope: 'fleet', maxDurationMs: 5 }), /is for mode: 'strict', got mode: 'prompt'/);
});

test('a number that is none is named as what it is', () => {
  const problem = (floor: number): string =>
    parseConfigFile({ upstreams: { app: { backends: ['http://10.0.0.9'], scope: 'fleet', fleet: { floor } } } }, 'f')
      .problems[0] ?? '';
  assert.equal(problem(Number.NaN), 'f: upstreams.app.fleet.floor: must be a number: got NaN');
  assert.equal(problem(Infinity), 'f: upstreams.app.fleet.floor: must be a number: got Infinity');
  assert.equal(problem(2), 'f: upstreams.app.fleet.floor: must be at most 1: got 2');
});

test('a wrong variable is one problem, and not also a missing one', () => {
  const problemsWith = (env: Record<string, string>, file: object): readonly string[] => {
    try {
      configWithFile({ GENERATOR_INSTANCES: '0', ...env }, file as ParsedConfigFile, import.meta.dirname);
      return [];
    } catch (error) {
      return (error as UsageError).problems;
    }
  };
  const upstreams = { app: { backends: ['http://10.0.0.9'], scope: 'fleet' } };
  const wrong = problemsWith({ VALKEY_URL: 'http://10.0.0.1' }, { upstreams });
  assert.deepEqual([wrong.length, wrong[0]?.startsWith('VALKEY_URL must ')], [1, true], wrong.join('\n'));
  assert.match(
    problemsWith({ VALKEY_URL: '' }, { upstreams }).join(),
    /^upstreams\.app\.scope: 'fleet' needs VALKEY_URL/,
  );
  const proxyProtocol = { port: 9, from: ['10.0.0.1'], tls: true };
  for (const file of [{ tls: { minVersion: 'TLSv1.3' } }, { proxyProtocol }])
    assert.equal(problemsWith({ TLS_PORT: 'x', HTTP2: 'on' }, file).length, 1);
  assert.equal(problemsWith({ HTTP2: 'on' }, { proxyProtocol }).length, 2);
});

test('backends of the machine itself are not those of other hosts', () => {
  for (const origin of ['http://127.0.0.1:1', 'http://localhost:80', 'http://[::1]:80', 'unix:/run/app.sock'])
    assert.equal(isShared(origin), false, origin);
  for (const origin of ['http://10.0.0.9', 'https://api.example']) assert.equal(isShared(origin), true, origin);
});

test('a host keeps its part of the floor before it has reached Valkey, if it knows how many there are', () => {
  const fleet = { mode: 'prompt', floorShare: 500, maxDurationMs: undefined } as const;
  assert.equal(firstFloor(24, { ...fleet, expectedHosts: 5 }), 2);
  assert.equal(firstFloor(24, { ...fleet, expectedHosts: undefined }), 0);
});

test('check says of which backends other hosts have none, and when floors do not reach for all hosts', () => {
  const remarksOf = (given: Partial<UpstreamOfFile>): string[] => {
    const found = upstream({ scope: 'fleet', ...given });
    return found === undefined ? [] : fleetRemarks([found]);
  };
  assert.deepEqual(remarksOf({ fleet: { expectedHosts: 3 } }), []);
  assert.match(
    remarksOf({ backends: ['http://127.0.0.1:81', 'http://10.0.0.9:80'] }).join('\n'),
    /^upstreams\.app: http:\/\/127\.0\.0\.1:81 is on this machine.*counts over this host$/,
  );
  assert.match(remarksOf({ cap: 4, fleet: { expectedHosts: 3 } }).join('\n'), /of 3 hosts, 1 keep no permit/);
});

test('check says that a host with a Valkey and no PostgreSQL holds up changes of the fleet', () => {
  const [valkey, database] = ['redis://10.0.0.1', 'postgresql://10.0.0.2/rampart'];
  assert.match(
    storeRemarks({ VALKEY_URL: valkey, DATABASE_URL: undefined }).join(),
    /reload --fleet needs one PostgreSQL/,
  );
  assert.deepEqual(storeRemarks({ VALKEY_URL: valkey, DATABASE_URL: database }), []);
  assert.deepEqual(storeRemarks({ VALKEY_URL: undefined, DATABASE_URL: undefined }), []);
});

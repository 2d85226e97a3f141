import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type DependencyHealth,
  healthCode,
  healthReport,
  overallHealth,
} from '../../../../src/control/see/health-report.ts';
import type { ValkeyStatus } from '../../../../src/store/valkey/valkey-link.ts';

type Backends = readonly { readonly upstream: string; readonly backend: string; readonly up: boolean }[];

function report(valkey?: ValkeyStatus, valkeyCache?: ValkeyStatus, backends: Backends = []): DependencyHealth[] {
  const watched = (status: ValkeyStatus | undefined) => status && { status: () => status };
  return healthReport({
    stores: { valkey: watched(valkey), valkeyCache: watched(valkeyCache) },
    config: { upstreams: [...new Set(backends.map(({ upstream }) => upstream))].map((name) => ({ name })) } as never,
    upstreams: { health: () => backends } as never,
  });
}

const up: ValkeyStatus = { state: 'connected', since: 0, heardAtMs: 1000, tookMs: 1.26 };
const away: ValkeyStatus = { state: 'unavailable', since: 0, problem: 'ECONNREFUSED' };

test('healthReport: the shared cache is listed with its last check, as the other Valkey is', () => {
  assert.deepEqual(
    report(up, up).map(({ name, status, optional, checked_at, took_ms }) => [
      name,
      status,
      optional,
      checked_at,
      took_ms,
    ]),
    [
      ['postgresql', 'not-installed', false, null, null],
      ['valkey', 'up', false, '1970-01-01T00:00:01.000Z', 1.3],
      ['valkey-cache', 'up', true, '1970-01-01T00:00:01.000Z', 1.3],
    ],
  );
  const codes = (valkey?: ValkeyStatus, cache?: ValkeyStatus): number[] =>
    report(valkey, cache).slice(1).map(healthCode);
  assert.deepEqual(codes(up, up), [200, 200]);
  assert.deepEqual(codes(up, away), [200, 503]);
  assert.deepEqual(codes(up), [200, 501]);
  assert.deepEqual(codes(up, { state: 'connecting', since: 0 }), [200, 200]);
});

test('overallHealth: what the host needs takes it down, what it can do without degrades it', () => {
  const backend = (isUp: boolean) => ({ upstream: 'app', backend: isUp ? 'a' : 'b', up: isUp });
  assert.equal(overallHealth(report()), 'up');
  assert.equal(overallHealth(report(up, up, [backend(true)])), 'up');
  assert.equal(overallHealth(report(up, away)), 'degraded');
  assert.equal(overallHealth(report(away, up)), 'down');
  assert.equal(overallHealth(report(away, away)), 'down');
  assert.equal(overallHealth(report(up, up, [backend(true), backend(false)])), 'degraded');
  assert.equal(overallHealth(report(up, up, [backend(false)])), 'down');
});

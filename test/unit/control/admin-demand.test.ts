import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upstreamDemand } from '../../../src/control/admin-demand.ts';

const shared = { backend: 'b', permits: 6, floor: 4, in_use: 5, cap: 24 };

test('the demand of an upstream is what is in flight and waits, here and at all hosts that share its backends', () => {
  const here = { inFlight: 5, queued: 3, permits: 6 };
  assert.deepEqual(
    upstreamDemand({ app: here, own: { inFlight: 1, queued: 0, permits: 4 } }, [
      { ...shared, upstream: 'app', wanted_by_all: 30 },
      { ...shared, upstream: 'app', wanted_by_all: 12 },
    ]),
    [
      { upstream: 'app', demand: 8, in_flight: 5, queued: 3, permits: 6, fleet: { demand: 42, permits: 48 } },
      { upstream: 'own', demand: 1, in_flight: 1, queued: 0, permits: 4, fleet: null },
    ],
  );
});

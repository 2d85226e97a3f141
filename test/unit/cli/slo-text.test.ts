import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sloText } from '../../../src/cli/slo.ts';

const NOW_MS = 1_000_000;

test('slo status shows each objective with its budget, then each limit on degradation with what is measured', () => {
  const text = sloText(
    {
      objectives: [
        {
          endpoint: 'listOrders',
          promise: '99.9 % without an error',
          target: 0.999,
          events: { bad: 3, total: 1000 },
          budgetLeft: -2,
          burnRates: { '5m': 0, '1h': 15.25 },
          firing: 'page',
        },
      ],
      degradations: [
        {
          kind: 'p95',
          subject: 'listOrders',
          limit: 'p95 > 225 ms',
          forMs: 300_000,
          events: { bad: 1, total: 10 },
          measured: '10 % take longer than 225 ms',
          sinceMs: NOW_MS - 120_000,
          isFiring: false,
        },
        {
          kind: 'pool',
          subject: 'gateway',
          limit: 'pool use > 80 %',
          forMs: 300_000,
          events: { bad: 9, total: 10 },
          measured: '90 % of the connections are busy',
          sinceMs: NOW_MS - 400_000,
          isFiring: true,
        },
      ],
    },
    NOW_MS,
  );
  assert.equal(
    text,
    `endpoint    promise                  bad / all  budget left  burn 5m  burn 1h  alert
listOrders  99.9 % without an error  3 / 1000   -200.0 %     0.0      15.3     page

degraded if                        for    the last 2 min                    alert
listOrders        p95 > 225 ms     5 min  10 % take longer than 225 ms      above for 2 min
pools of gateway  pool use > 80 %  5 min  90 % of the connections are busy  ticket
`,
  );
});

test('slo status without an SLO file says how to name one', () => {
  assert.match(sloText({ objectives: [], degradations: [] }, NOW_MS), /^no objectives: name a file with RAMPART_SLO/);
});

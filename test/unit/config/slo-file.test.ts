import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSlo } from '../../../src/config/slo-file.ts';

const problems = (text: string): readonly string[] => {
  const parsed = parseSlo(text, 'slo.yaml');
  return parsed.ok ? [] : parsed.problems;
};

const full = `
service: shop
window: 28d
data: items.csv
endpoints:
  - id: createThing
    request: { method: POST, path: "/things?n={{n}}", headers: { content-type: text/plain }, body: "{{name}}" }
    load: { weight: 3 }
    gate: { p95: 150ms, p99: 0.3s, failed: 1%, timeouts: 0 }
    objectives:
      - { sli: latency, le: 150ms, target: 95% }
      - { sli: availability, target: 0.999 }
      - { sli: hit_rate, target: 70% }
    spike: { p95_factor: 3 }
    alerts: { p95_factor: 1.2, for: 4m, errors: 0.5%, min_rate: 2 }
  - id: readThing
`;

test('parseSlo reads every part, and knows what is meant where nothing is said', () => {
  const parsed = parseSlo(full, 'slo.yaml');
  assert.ok(parsed.ok);
  const defaults = { p95Factor: 1.5, p99Factor: 2, forMs: 300_000, errorShare: 0.01, poolUse: 0.8, minPerSecond: 0.1 };
  assert.deepEqual(parsed.slo, {
    service: 'shop',
    windowMs: 28 * 86_400_000,
    dataFile: 'items.csv',
    endpoints: [
      {
        id: 'createThing',
        request: {
          method: 'POST',
          path: '/things?n={{n}}',
          headers: { 'content-type': 'text/plain' },
          body: '{{name}}',
        },
        weight: 3,
        gate: { p95Ms: 150, p99Ms: 300, maxFailedShare: 0.01, maxTimeouts: 0 },
        objectives: [
          { sli: 'latency', withinMs: 150, target: 0.95 },
          { sli: 'availability', target: 0.999 },
        ],
        hitRateTarget: 0.7,
        spikeP95Factor: 3,
        alerts: { ...defaults, p95Factor: 1.2, forMs: 240_000, errorShare: 0.005, minPerSecond: 2 },
      },
      {
        id: 'readThing',
        request: undefined,
        weight: 0,
        gate: { p95Ms: undefined, p99Ms: undefined, maxFailedShare: undefined, maxTimeouts: undefined },
        objectives: [],
        hitRateTarget: undefined,
        spikeP95Factor: 2,
        alerts: defaults,
      },
    ],
  });
});

test('parseSlo refuses what no alert could mean, with its place and what it takes', () => {
  const alerts = 'alerts: { p95_factor: 0.5, p99_factor: 0, for: 1m, errors: 100%, pool_use: 1, min_rate: -1 }';
  const twice = 'objectives: [{ sli: hit_rate, target: 0.7 }, { sli: hit_rate, target: 0.8 }]';
  assert.deepEqual(problems(`service: x\nwindow: 90d\nendpoints: [{ id: a, ${alerts} }, { id: b, ${twice} }]`), [
    'slo.yaml: window: must be from 3d to 31d: got "90d"',
    'slo.yaml: endpoints.0.alerts.p95_factor: must be at least 1: got 0.5',
    'slo.yaml: endpoints.0.alerts.p99_factor: must be at least 1: got 0',
    'slo.yaml: endpoints.0.alerts.for: must be from 3m to 1h, because shares are taken over two minutes: got "1m"',
    'slo.yaml: endpoints.0.alerts.errors: must be below 1, because more than all is never bad: got "100%"',
    'slo.yaml: endpoints.0.alerts.pool_use: must be below 1, because more than all is never bad: got 1',
    'slo.yaml: endpoints.0.alerts.min_rate: must be at least 0: got -1',
    'slo.yaml: endpoints.1.objectives.1: must not be promised twice',
  ]);
});

test("parseSlo takes the project's own file", () => {
  assert.deepEqual(problems(readFileSync(new URL('../../../slo.yaml', import.meta.url), 'utf8')), []);
});

test('parseSlo tells every problem at once, each with its place and what it got', () => {
  assert.deepEqual(
    problems(
      'service: x\nendpoints:\n  - { id: a b, gate: { p95: 5, failed: 2 }, load: { weight: -1 } }\n  - { id: c, objectives: [{ sli: latency, le: 1ms, target: 1 }] }\nextra: 1\n',
    ),
    [
      'slo.yaml: endpoints.0.id: must be the name of an endpoint: a letter, then up to 63 letters, digits and _: got "a b"',
      'slo.yaml: endpoints.0.load.weight: must be at least 0: got -1',
      'slo.yaml: endpoints.0.gate.p95: must be a duration such as 150ms, 2s or 30d: got 5',
      'slo.yaml: endpoints.0.gate.failed: must be a share such as 0.01 or 1%: got 2',
      'slo.yaml: endpoints.1.objectives.0.target: must lie between 0 and 1: what is promised always cannot be kept: got 1',
      "slo.yaml: the file: there is no 'extra' here; it takes service, window, data, login, endpoints",
    ],
  );
  assert.deepEqual(problems('service: x\nendpoints: [{ id: a }, { id: a }]'), [
    'slo.yaml: endpoints: must not name an endpoint twice',
  ]);
  for (const service of ['a\nb: c', '   ', 'a\u0007', 'a\u2028b', '\u202eshop', '\ud800'])
    assert.match(
      problems(`service: ${JSON.stringify(service)}\nendpoints: [{ id: a }]`).join(),
      /^slo\.yaml: service: must be one line of visible characters: got /,
    );
  assert.deepEqual(problems('service: "the \\"shop\\" für 日本 {{ $x }} 👩‍💻"\nendpoints: [{ id: a }]'), []);
  assert.match(problems('service: [')[0] ?? '', /^slo\.yaml is no YAML \(line 1\): /);
  assert.match(problems('')[0] ?? '', /^slo\.yaml: the file: /);
  assert.match(problems('a: &a [1]\nb: [*a, *a]')[0] ?? '', /^slo\.yaml is no YAML/, 'no bomb of aliases');
});

test('parseSlo never throws', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseSlo(text, 'slo.yaml')));
  fc.assert(
    fc.property(fc.json(), (text) => void parseSlo(`service: x\nendpoints: ${text}`, 'slo.yaml')),
    { numRuns: 300 },
  );
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { unknownVariables, withEnvFile } from '../../../src/config/env-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-env-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('withEnvFile adds what .env says, and what is set already wins', () => {
  assert.deepEqual(withEnvFile({ PORT: '1' }, join(folder, 'nowhere')), { PORT: '1' });
  writeFileSync(join(folder, '.env'), '# ours\nPORT=2\nHOST="::1"\nADMIN_PORT=3 # admin\n');
  assert.deepEqual(withEnvFile({ PORT: '1', ADMIN_PORT: '' }, folder), { PORT: '1', HOST: '::1', ADMIN_PORT: '3' });
});

test('withEnvFile leaves a folder of that name alone', () => {
  mkdirSync(join(folder, 'other', '.env'), { recursive: true });
  assert.deepEqual(withEnvFile({}, join(folder, 'other')), {});
});

test('unknownVariables names a mistyped variable with the nearest one, and nothing of others', () => {
  assert.deepEqual(unknownVariables({ GATEWAY_WORKER: '3', GATEWAY_WORKERS: '3', PATH: '/', RAMPART_INSTANCE: '0' }), [
    'GATEWAY_WORKER is set, and Rampart has no such variable: did you mean GATEWAY_WORKERS?',
  ]);
  assert.deepEqual(unknownVariables({ GENERATOR_INSTANSES: '2', GENERATOR_COLOUR_OF_BARS: 'red' }), [
    'GENERATOR_INSTANSES is set, and Rampart has no such variable: did you mean GENERATOR_INSTANCES?',
    'GENERATOR_COLOUR_OF_BARS is set, and Rampart has no such variable',
  ]);
});

test('unknownVariables names what is almost VALKEY_… or DATABASE_… of Rampart, and nothing of an application or Kubernetes', () => {
  assert.deepEqual(
    unknownVariables({ VALKEY_CACHE_ULR: 'redis://a', DATABASE_POOL_MAXX: '2', VALKEY_URL: 'redis://a' }),
    [
      'VALKEY_CACHE_ULR is set, and Rampart has no such variable: did you mean VALKEY_CACHE_URL?',
      'DATABASE_POOL_MAXX is set, and Rampart has no such variable: did you mean DATABASE_POOL_MAX?',
    ],
  );
  const others = {
    VALKEY_SERVICE_HOST: '10.0.0.1',
    VALKEY_PORT: 'tcp://10.0.0.1:6379',
    DATABASE_NAME: 'shop',
    DATABASE_PASSWORD: 'x',
  };
  assert.deepEqual(unknownVariables(others), []);
});

test('unknownVariables names what OpenTelemetry has and Rampart does not read, where requests are traced', () => {
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
  const unread = {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_TRACES_EXPORTER: 'none',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=b',
    OTEL_SERVICE_NAM: 'shop',
  };
  assert.deepEqual(unknownVariables({ ...traced, ...unread }), [
    'OTEL_EXPORTER_OTLP_PROTOCOL is set, and Rampart does not read it: docs/traces.md has those that it reads',
    'OTEL_TRACES_EXPORTER is set, and Rampart does not read it: docs/traces.md has those that it reads',
    'OTEL_EXPORTER_OTLP_TRACES_HEADERS is set, and Rampart does not read it: docs/traces.md has those that it reads',
    'OTEL_SERVICE_NAM is set, and Rampart does not read it: docs/traces.md has those that it reads',
  ]);
  // Where nothing is traced, they are about others; so are those of metrics and logs, and what Rampart does anyway.
  assert.deepEqual(unknownVariables(unread), []);
  assert.deepEqual(unknownVariables({ ...traced, ...unread, OTEL_SDK_DISABLED: 'true' }), []);
  const others = {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_PROPAGATORS: 'tracecontext,baggage',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:4318',
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_BSP_MAX_QUEUE_SIZE: '',
  };
  assert.deepEqual(unknownVariables({ ...traced, ...others }), []);
});

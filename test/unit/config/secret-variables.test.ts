import assert from 'node:assert/strict';
import { test } from 'node:test';
import { variables } from '../../../src/config/environment.ts';
import { mayHoldSecret } from '../../../src/config/secret-variables.ts';

test('mayHoldSecret: of all variables, those with tokens, addresses and header fields', () => {
  assert.deepEqual(Object.keys(variables).filter(mayHoldSecret).toSorted(), [
    'ADMIN_READ_TOKEN',
    'ADMIN_TOKEN',
    'ALERTMANAGER_URL',
    'ALERT_WEBHOOK_URL',
    'DATABASE_DIRECT_URL',
    'DATABASE_URL',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_HEADERS',
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    'VALKEY_CACHE_URL',
    'VALKEY_URL',
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvironment } from '../../../src/config/environment.ts';
import { tracesUrl } from '../../../src/config/trace-settings.ts';

const problemsOf = (env: Record<string, string>): string[] => parseEnvironment(env).problems;

test('OTEL variables: what cannot be used is refused, and a value that may be a secret is not shown', () => {
  const wrong: Record<string, string>[] = [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://h4nter2:4317' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'h4nter2' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'bad name=h4nter2' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'a=h4nter2%0D%0Ab:c' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'a=%E2%82%ACh4nter2' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'content-length=5' },
    { OTEL_RESOURCE_ATTRIBUTES: 'a' },
    { OTEL_TRACES_SAMPLER: 'xray' },
    { OTEL_TRACES_SAMPLER_ARG: '1.5' },
    { OTEL_TRACES_SAMPLER_ARG: '-0.1' },
    { OTEL_SDK_DISABLED: 'yes' },
  ];
  for (const env of wrong) {
    assert.equal(problemsOf(env).length, 1, JSON.stringify(env));
    assert.doesNotMatch(problemsOf(env).join(), /h4nter2/);
  }
});

test('OTEL variables: a value that can be no secret is shown', () => {
  for (const [name, value] of [
    ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd'],
    ['OTEL_TRACES_SAMPLER', 'xray'],
    ['OTEL_SDK_DISABLED', 'maybe'],
  ] as const)
    assert.match(problemsOf({ [name]: value }).join(), new RegExp(`got '${value}'$`));
});

test('OTEL variables: pairs are decoded, and empty ones left out', () => {
  const { values, problems } = parseEnvironment({
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20a%3Db, x-tenant = shop ,',
    OTEL_RESOURCE_ATTRIBUTES: 'team=käse%2Cbrot',
    OTEL_TRACES_SAMPLER_ARG: '.25',
  });
  assert.deepEqual(problems, []);
  assert.deepEqual(values.OTEL_EXPORTER_OTLP_HEADERS, [
    ['authorization', 'Bearer a=b'],
    ['x-tenant', 'shop'],
  ]);
  assert.deepEqual(values.OTEL_RESOURCE_ATTRIBUTES, [['team', 'käse,brot']]);
  assert.equal(values.OTEL_TRACES_SAMPLER_ARG, 0.25);
});

test('tracesUrl: the path of OTLP/HTTP behind the base, the whole URL as it is, and nothing where traces are off', () => {
  const urlOf = (env: Record<string, string>): string | undefined => tracesUrl(parseEnvironment(env).values);
  const base = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  assert.equal(urlOf({}), undefined);
  assert.equal(urlOf({ [base]: 'http://c:4318' }), 'http://c:4318/v1/traces');
  assert.equal(urlOf({ [base]: 'https://c/otel/?tenant=a' }), 'https://c/otel/v1/traces?tenant=a');
  assert.equal(urlOf({ [base]: 'http://c', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/in' }), 'http://t/in');
  assert.equal(urlOf({ [base]: 'http://c', OTEL_SDK_DISABLED: 'true' }), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sliceObject, sliceOf } from '../../../../src/control/kubernetes/slice-objects.ts';

const object = (more: object): unknown => ({
  metadata: { name: 'app-1', resourceVersion: '42' },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'] }],
  ports: [{ name: 'http', port: 3000, protocol: 'TCP' }],
  ...more,
});
const read = (more: object, port?: number | string, isLocal = false) =>
  sliceOf(sliceObject.parse(object(more)), { service: 'app', port, isLocal });

test('conditions that are absent are unknown, and count as Kubernetes says', () => {
  const conditions = [undefined, null, {}, { ready: false }, { ready: false, serving: true, terminating: true }];
  const found = read({ endpoints: conditions.map((each) => ({ addresses: ['10.0.0.1'], conditions: each })) });
  assert.deepEqual(
    found?.endpoints.map(({ isReady, isServing, isTerminating }) => [isReady, isServing, isTerminating]),
    [
      [true, true, false],
      [true, true, false],
      [true, true, false],
      [false, false, false],
      [false, true, true],
    ],
  );
  assert.equal(found?.version, 42);
});

test('the port is the only one, the one of that name, or the number', () => {
  const two = [
    { name: 'http', port: 3000 },
    { name: 'admin', port: 3001 },
  ];
  const portOf = (ports: unknown, wanted?: number | string) => read({ ports }, wanted)?.endpoints[0]?.port;
  assert.equal(portOf([{ port: 3000 }]), 3000);
  assert.equal(portOf(two), undefined);
  assert.equal(portOf(two, 'admin'), 3001);
  assert.equal(portOf(two, 'other'), undefined);
  assert.equal(portOf(null, 8080), 8080);
});

test('an endpoint is its first address, of the family that the slice names', () => {
  const endpoints = [{ addresses: ['10.0.0.1', '10.0.0.2'] }, { addresses: ['fd00::1'] }, { addresses: [] }];
  assert.deepEqual(
    read({ endpoints })?.endpoints.map(({ address }) => address),
    ['10.0.0.1'],
  );
  assert.equal(read({ addressType: 'FQDN', endpoints: [{ addresses: ['a.example'] }] }), undefined);
  assert.deepEqual(read({ endpoints: null, ports: null })?.endpoints, []);
  assert.equal(read({ metadata: { name: 'app-1', resourceVersion: 'xyz' } })?.version, undefined);
});

test('a wrong endpoint or port is left out, and its neighbours count', () => {
  const endpoints = [
    { addresses: null },
    { addresses: ['10.0.0.2'] },
    7,
    { addresses: ['10.0.0.3'], conditions: { ready: 'yes' } },
  ];
  assert.deepEqual(
    read({ endpoints })?.endpoints.map(({ address }) => address),
    ['10.0.0.2'],
  );
  assert.equal(
    read(
      {
        ports: [
          { name: 'http', port: 70_000 },
          { name: 'admin', port: 81 },
        ],
      },
      'admin',
    )?.endpoints[0]?.port,
    81,
  );
});

test('addresses that are no pod, loopback in a cluster, and slices of another Service are left out', () => {
  const of = (isLocal: boolean, ...addresses: string[]) =>
    read({ endpoints: addresses.map((each) => ({ addresses: [each] })) }, undefined, isLocal)?.endpoints.length;
  assert.equal(of(true, '0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255'), 0);
  assert.equal(of(false, '127.0.0.1', '127.9.9.9'), 0);
  assert.equal(of(true, '127.0.0.1'), 1);
  assert.equal(of(false, '10.0.0.1', '223.255.255.1'), 2);
  const labelled = (service: string) =>
    read({ metadata: { name: 'app-1', labels: { 'kubernetes.io/service-name': service } } });
  assert.equal(labelled('other'), undefined);
  assert.equal(labelled('app')?.endpoints.length, 1);
});

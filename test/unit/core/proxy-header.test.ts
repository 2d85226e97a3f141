import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readProxyHeader } from '../../../src/core/proxy-header.ts';
import { proxyHeader } from '../../support/proxy-header.ts';

test('readProxyHeader gives the address of the client, and where its bytes begin', () => {
  const four = proxyHeader('192.0.2.7');
  assert.deepEqual(readProxyHeader(Buffer.concat([four, Buffer.from('GET /')])), { bytes: 28, address: '192.0.2.7' });
  assert.deepEqual(readProxyHeader(proxyHeader('2001:db8::7')), { bytes: 52, address: '2001:db8:0:0:0:0:0:7' });
  assert.deepEqual(readProxyHeader(proxyHeader('192.0.2.7', { command: 0x20 })), { bytes: 28, address: undefined });
  assert.deepEqual(readProxyHeader(proxyHeader('192.0.2.7', { more: Buffer.alloc(100) })), {
    bytes: 128,
    address: '192.0.2.7',
  });
});

test('readProxyHeader waits for the rest of a head, wherever it is cut', () => {
  const head = proxyHeader('192.0.2.7', { more: Buffer.alloc(10) });
  for (let length = 0; length < head.length; length++)
    assert.equal(readProxyHeader(head.subarray(0, length)), 'incomplete');
});

test('readProxyHeader refuses what is no head of version 2 over TCP', () => {
  const cases: Record<string, Buffer> = {
    'a request': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    'version 1': Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n'),
    'another version': proxyHeader('192.0.2.7', { command: 0x31 }),
    'another command': proxyHeader('192.0.2.7', { command: 0x22 }),
    UDP: proxyHeader('192.0.2.7', { family: 0x12 }),
    'a Unix socket': proxyHeader('192.0.2.7', { family: 0x31 }),
    'addresses that are cut off': proxyHeader('192.0.2.7', { length: 4 }),
    'IPv6 in the length of IPv4': proxyHeader('192.0.2.7', { family: 0x21 }),
    'a head that is too long': proxyHeader('192.0.2.7', { length: 60_000 }),
  };
  for (const [name, bytes] of Object.entries(cases)) assert.equal(readProxyHeader(bytes), 'malformed', name);
});

test('readProxyHeader takes any bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readProxyHeader(Buffer.from(bytes))));
  const head = proxyHeader('192.0.2.7');
  fc.assert(
    fc.property(fc.nat(27), fc.nat(255), (index, byte) => {
      const changed = Buffer.from(head);
      changed[index] = byte;
      readProxyHeader(changed);
    }),
  );
});

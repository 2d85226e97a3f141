import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { clientCertificate } from '../../../../src/gateway/http/client-certificate.ts';

const read = (more: Partial<X509Certificate>) =>
  clientCertificate({
    subject: 'C=DE\nO=Shop\nCN=till 7',
    issuer: 'CN=clients',
    serialNumber: '0AFF',
    fingerprint256: 'AA:BB',
    raw: Buffer.from('der'),
    validTo: 'Nov 28 06:00:00 2026 GMT',
    ...more,
  } as X509Certificate);

test('names are in the order of RFC 4514, and hex is in small letters without colons', () => {
  const { subject, issuer, commonName, serial, fingerprint, notAfterMs, names } = read({});
  assert.deepEqual(
    [subject, issuer, commonName, serial, fingerprint, notAfterMs, names],
    ['CN=till 7,O=Shop,C=DE', 'CN=clients', 'till 7', '0aff', 'aabb', Date.UTC(2026, 10, 28, 6), []],
  );
  assert.equal(read({ subject: 'O=Shop' }).commonName, undefined);
});

test('alternative names that Node quotes are one name each, so none can pass for two', () => {
  const { names } = read({
    subjectAltName: 'DNS:a.example, URI:"spiffe://x, DNS:admin.example", IP Address:10.0.0.1, DNS:"say \\"hi\\""',
  });
  assert.deepEqual(names, ['a.example', 'spiffe://x, DNS:admin.example', '10.0.0.1', 'say "hi"']);
});

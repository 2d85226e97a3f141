import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceProblems } from '../../../src/config/file-references.ts';
import { nodeRemarks } from '../../../src/config/node-floors.ts';
import { tlsOf, tlsProblems } from '../../../src/config/tls.ts';

const none = { TLS_PORT: undefined, TLS_CERT_FILE: undefined, TLS_KEY_FILE: undefined, HTTP2: 'off' } as const;
const pair = { TLS_CERT_FILE: 'c.pem', TLS_KEY_FILE: '/k.pem' };

test('tlsOf puts the certificate of the environment first, with paths from the folder', () => {
  assert.equal(tlsOf(none, undefined, '/here'), undefined);
  const file = {
    certificates: [{ certFile: 'd.pem', keyFile: 'd.key', names: ['*.d.example'] }],
    clientCaFile: 'ca.pem',
  };
  assert.deepEqual(tlsOf({ ...none, ...pair, TLS_PORT: 8443, HTTP2: 'on' }, file, '/here'), {
    port: 8443,
    certificates: [
      { certFile: '/here/c.pem', keyFile: '/k.pem', names: undefined },
      { certFile: '/here/d.pem', keyFile: '/here/d.key', names: ['*.d.example'] },
    ],
    minVersion: 'TLSv1.2',
    clientCaFile: '/here/ca.pem',
    needsClientCertificate: true,
    http2: true,
  });
});

test('tlsProblems names what is missing', () => {
  assert.deepEqual(tlsProblems(none, undefined), []);
  assert.deepEqual(tlsProblems({ ...none, ...pair, TLS_PORT: 8443 }, undefined), []);
  const [noCertificate = ''] = tlsProblems({ ...none, TLS_PORT: 8443 }, {});
  assert.match(noCertificate, /^TLS_PORT needs a certificate/);
  assert.deepEqual(tlsProblems({ ...none, TLS_PORT: 1, TLS_CERT_FILE: 'c' }, { certificates: [] }).length, 2);
  assert.match(tlsProblems({ ...none, ...pair }, undefined).join(), /^TLS_PORT must be set/);
  assert.match(tlsProblems({ ...none, HTTP2: 'on' }, undefined).join(), /^HTTP2 needs TLS_PORT/);
});

test('nodeRemarks names the fixes that the running Node lacks, for what is switched on', () => {
  const tls = tlsOf({ ...none, ...pair, TLS_PORT: 8443 }, undefined, '/');
  assert.deepEqual(nodeRemarks({ tls: undefined }, '26.0.0'), []);
  assert.equal(nodeRemarks({ tls }, '26.12.1').length, 1);
  assert.match(
    nodeRemarks({ tls }, '26.12.1')[0] ?? '',
    /^TLS to clients needs Node 26\.13\.1 or later.*this is 26\.12\.1\./,
  );
  assert.equal(nodeRemarks({ tls: tls && { ...tls, http2: true } }, '26.13.0').length, 2);
  for (const version of ['26.13.1', '26.14.0', '27.0.0'])
    assert.deepEqual(nodeRemarks({ tls: tls && { ...tls, http2: true } }, version), []);
});

test('client certificates need an authority, and so do routes that go by them', () => {
  const on = { ...none, ...pair, TLS_PORT: 8443 };
  assert.match(tlsProblems(on, { clientCertificates: 'optional' }).join(), /^tls\.clientCertificates needs/);
  assert.equal(tlsOf(on, { clientCaFile: 'ca', clientCertificates: 'optional' }, '/')?.needsClientCertificate, false);
  const route = { endpoint: 'a', path: '/*', upstream: 'u', authenticate: 'certificate' as const };
  const upstreams = { u: { backends: ['http://127.0.0.1:1'] } };
  assert.match(referenceProblems({ upstreams, routes: [route] }, 'f').join(), /'certificate' needs tls\.clientCaFile/);
  assert.deepEqual(referenceProblems({ upstreams, routes: [route], tls: { clientCaFile: 'ca' } }, 'f'), []);
});

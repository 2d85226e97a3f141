import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CertificateProblem, dateProblem, readCertificate } from '../../../../src/gateway/tls/certificate.ts';
import { selfSigned } from '../../../support/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-certificate-'));
after(() => rmSync(folder, { recursive: true }));
const one = selfSigned('DNS:Shop.example,DNS:*.shop.example,IP:127.0.0.1');
const two = selfSigned('DNS:other.example');

function read(cert: string, key: string, names?: readonly string[]) {
  const files = { certFile: join(folder, 'c.pem'), keyFile: join(folder, 'k.pem'), names };
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
  return readCertificate(files);
}

const problemOf = (result: ReturnType<typeof read>): string =>
  result instanceof CertificateProblem ? result.problem.replaceAll(`${folder}/`, '') : 'none';

test('readCertificate gives the names of the certificate, or those of the configuration', () => {
  const found = read(one.cert, one.key);
  assert.ok(!(found instanceof CertificateProblem));
  assert.deepEqual(found.names, ['shop.example', '*.shop.example', '127.0.0.1']);
  const named = read(one.cert, one.key, ['Here.example']);
  assert.deepEqual(named instanceof CertificateProblem ? [] : named.names, ['here.example']);
});

test('readCertificate says what is wrong with files, and shows nothing of a key', () => {
  assert.equal(problemOf(read(one.cert, two.key)), 'k.pem is not the key of the certificate in c.pem');
  assert.equal(problemOf(read('', one.key)), 'c.pem has no certificate in PEM form');
  assert.equal(problemOf(read(one.cert, one.cert)), 'k.pem has no private key in PEM form without a password');
  assert.equal(problemOf(read(one.cert + two.cert, one.key)), 'c.pem: certificate 2 did not issue the one before it');
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  assert.match(problemOf(read(broken, one.key)), /^c\.pem has a certificate that cannot be read: /);
  const absent = { certFile: join(folder, 'absent'), keyFile: join(folder, 'k.pem'), names: undefined };
  assert.match(problemOf(readCertificate(absent)), /^absent cannot be read: ENOENT/);
});

test('dateProblem finds a certificate that has expired, or is not valid yet', () => {
  const found = read(one.cert, one.key);
  assert.ok(!(found instanceof CertificateProblem));
  const now = Date.now();
  assert.equal(dateProblem(found, now + 1000), undefined);
  assert.match(dateProblem(found, now + 3 * 86_400_000) ?? '', /c\.pem expired on 2/);
  assert.match(dateProblem(found, now - 86_400_000) ?? '', /c\.pem is valid only from 2/);
});

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { type Certificate, selfSigned } from '../support/certificates.ts';
import { eventually } from '../support/raw.ts';
import { put } from '../support/certificate-files.ts';
import { ask, closeTls, get, namesIn, open, shop, startSecure, value } from '../support/tls-client.ts';

afterEach(closeTls);

test('a new certificate is in force within seconds, and no connection is lost', async () => {
  const { port, folder, said, rampart } = await startSecure();
  const kept = await open(port);
  await ask(kept, get('/a'));
  const next = selfSigned('DNS:shop.example');
  const before = (await open(port)).getPeerCertificate().fingerprint256;
  put(folder, 'shop', next);
  await eventually(
    'the new certificate is presented',
    async () => (await open(port)).getPeerCertificate().fingerprint256 !== before,
  );
  assert.match(await ask(kept, get('/b')), /^HTTP\/1\.1 200/);
  assert.equal(said.filter(({ msg }) => msg === 'a new certificate is in force').length, 1);
  assert.equal(value(rampart, 'rampart_tls_reloads_total{result="ok"}'), 1);
});

test('a new certificate that cannot be used leaves the present one in force, and the log says why', async () => {
  const { port, folder, said, rampart } = await startSecure();
  const before = (await open(port)).getPeerCertificate().fingerprint256;
  writeFileSync(join(folder, 'shop.pem'), selfSigned('DNS:shop.example').cert);
  await eventually('the log says so', () =>
    said.some(({ problem }) => /is not the key of the certificate/.test(String(problem))),
  );
  writeFileSync(join(folder, 'shop.key'), 'garbage');
  await eventually('the log says so', () => said.some(({ problem }) => /has no private key/.test(String(problem))));
  rmSync(join(folder, 'shop.pem'));
  await eventually('the log says so', () => said.some(({ problem }) => /cannot be read/.test(String(problem))));
  assert.equal((await open(port)).getPeerCertificate().fingerprint256, before);
  assert.equal(value(rampart, 'rampart_tls_reloads_total{result="failed"}'), 3);
  put(folder, 'shop', selfSigned('DNS:shop.example'));
  await eventually(
    'a sound one is presented',
    async () => (await open(port)).getPeerCertificate().fingerprint256 !== before,
  );
});

test('certificates are added and removed while running; a configuration with a broken one is refused', async () => {
  const { port, folder, rampart } = await startSecure();
  const { gateway } = rampart;
  const { config } = gateway;
  const certificates = config.tls?.certificates ?? [];
  const withFiles = (files: typeof certificates): typeof config => ({
    ...config,
    tls: config.tls && { ...config.tls, certificates: files },
  });
  const kept = await open(port);
  const added = { ...put(folder, 'new', selfSigned('DNS:new.example')), names: undefined };
  const prepared = gateway.prepareConfig(withFiles([certificates[0] as typeof added, added]));
  assert.equal(namesIn(await open(port, { servername: 'new.example' })), 'DNS:shop.example');
  prepared.commit();
  assert.equal(namesIn(await open(port, { servername: 'new.example' })), 'DNS:new.example');
  assert.equal(namesIn(await open(port, { servername: 'a.wild.example' })), 'DNS:shop.example');
  assert.match(await ask(kept, get('/a')), /^HTTP\/1\.1 200/);
  assert.doesNotMatch(rampart.metrics(), /not_after_seconds\{certificate="[^"]*wild\.pem"/);
  const broken = { certFile: join(folder, 'absent.pem'), keyFile: added.keyFile, names: undefined };
  assert.throws(() => gateway.prepareConfig(withFiles([added, broken])), { name: 'UsageError' });
  assert.equal(namesIn(await open(port)), 'DNS:shop.example');
});

test('a hundred reloads of a certificate under load fail no request', async () => {
  const { port, folder, rampart } = await startSecure();
  const pairs = [shop, selfSigned('DNS:shop.example')] as const;
  const state = { isOver: false };
  let sent = 0;
  const load = async (): Promise<void> => {
    while (!state.isOver) {
      const socket = await open(port);
      for (let index = 0; index < 5; index++) {
        assert.match(await ask(socket, get('/a')), /^HTTP\/1\.1 200/);
        sent++;
      }
      socket.destroy();
    }
  };
  const loads = Promise.all([load(), load(), load()]);
  // The files are looked at once a second; the rest of the hundred changes in between are seen as one.
  for (let index = 0; index < 100; index++) {
    put(folder, 'shop', pairs[index % 2] as Certificate);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  put(folder, 'shop', selfSigned('DNS:shop.example'));
  await eventually('the last one is in force', () => value(rampart, 'rampart_tls_reloads_total{result="ok"}') > 0);
  state.isOver = true;
  await loads;
  assert.ok(sent > 0);
});

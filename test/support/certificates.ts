import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A self-signed certificate for a name, such as `IP:127.0.0.1` or `DNS:localhost`; made by openssl. */
export function selfSigned(subjectAltName: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = spawnSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=lab',
    ].concat(['-addext', `subjectAltName=${subjectAltName}`, '-keyout', key, '-out', cert]),
    { encoding: 'utf8' },
  );
  try {
    if (made.status !== 0) throw new Error(`openssl is needed for this test: ${made.error?.message ?? made.stderr}`);
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

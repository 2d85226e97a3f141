import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** An authority that issues certificates to clients. */
export interface Authority {
  /** In PEM form. */
  readonly cert: string;
  /** `subject`: as openssl takes it (`/O=Shop/CN=till 7`); `san`: such as `DNS:a.example,URI:spiffe://shop/a`. */
  issue(subject: string, san?: string): Certificate;
  close(): void;
}

/** Made by openssl. The caller closes it. */
export function newAuthority(name: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-authority-'));
  const [key, cert] = [join(folder, 'ca.key'), join(folder, 'ca.pem')];
  const openssl = (...args: string[]): void => {
    const { status, error, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl is needed for this test: ${error?.message ?? stderr}`);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...newKey, '-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert);
  let issued = 0;
  return {
    cert: readFileSync(cert, 'utf8'),
    issue: (subject, san = 'DNS:client.example') => {
      const at = join(folder, String(++issued));
      writeFileSync(`${at}.ext`, `subjectAltName=${san}\nextendedKeyUsage=clientAuth\n`);
      openssl('req', '-new', ...newKey, '-utf8', '-subj', subject, '-keyout', `${at}.key`, '-out', `${at}.csr`);
      const by = ['-CA', cert, '-CAkey', key, '-CAcreateserial', '-days', '1', '-extfile', `${at}.ext`];
      openssl('x509', '-req', '-in', `${at}.csr`, ...by, '-out', `${at}.pem`);
      return { key: readFileSync(`${at}.key`, 'utf8'), cert: readFileSync(`${at}.pem`, 'utf8') };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CertificateFiles } from '../../config/model.ts';
import { messageOf } from '../../core/errors.ts';

/** A certificate with its chain and key, as read from its files. */
export interface Certificate {
  readonly files: CertificateFiles;
  readonly cert: string;
  readonly key: string;
  /** The host names that it is chosen for, in lower case; `*.` stands for one label. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  readonly fingerprint: string;
}

/** Why files cannot be used as a certificate. */
export class CertificateProblem {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

/** Reads a certificate and its key, and checks that they belong together. */
export function readCertificate(files: CertificateFiles): Certificate | CertificateProblem {
  const cert = readText(files.certFile);
  if (cert instanceof CertificateProblem) return cert;
  const key = readText(files.keyFile);
  if (key instanceof CertificateProblem) return key;
  const chain = parseChain(files.certFile, cert);
  if (chain instanceof CertificateProblem) return chain;
  const [leaf] = chain as [X509Certificate];
  const misfit = keyProblem(files, leaf, key);
  if (misfit !== undefined) return misfit;
  const names = files.names ?? namesOf(leaf);
  if (names.length === 0) {
    return new CertificateProblem(`${files.certFile} names no host (subjectAltName): set 'names' of the certificate`);
  }
  return {
    files,
    cert,
    key,
    names: names.map((name) => name.toLowerCase()),
    expiresAtMs: leaf.validToDate.getTime(),
    fingerprint: leaf.fingerprint256,
  };
}

/** Whether it may be presented at this time; a problem that names the date, if not. */
export function dateProblem({ files, cert, expiresAtMs }: Certificate, nowMs: number): string | undefined {
  if (expiresAtMs <= nowMs) return `${files.certFile} expired on ${new Date(expiresAtMs).toISOString()}`;
  const from = new X509Certificate(cert).validFromDate;
  return from.getTime() > nowMs ? `${files.certFile} is valid only from ${from.toISOString()}` : undefined;
}

function readText(path: string): string | CertificateProblem {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return new CertificateProblem(`${path} cannot be read: ${messageOf(error)}`);
  }
}

/** The certificates of a file, the server's own first (RFC 8446 §4.4.2). */
function parseChain(path: string, text: string): X509Certificate[] | CertificateProblem {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return new CertificateProblem(`${path} has no certificate in PEM form`);
  try {
    const chain = blocks.map((block) => new X509Certificate(block));
    const broken = chain.findIndex(
      (one, index) => index > 0 && !(chain[index - 1] as X509Certificate).checkIssued(one),
    );
    if (broken === -1) return chain;
    return new CertificateProblem(`${path}: certificate ${broken + 1} did not issue the one before it`);
  } catch (error) {
    return new CertificateProblem(`${path} has a certificate that cannot be read: ${messageOf(error)}`);
  }
}

function keyProblem(
  { certFile, keyFile }: CertificateFiles,
  leaf: X509Certificate,
  key: string,
): CertificateProblem | undefined {
  try {
    if (leaf.checkPrivateKey(createPrivateKey(key))) return undefined;
    return new CertificateProblem(`${keyFile} is not the key of the certificate in ${certFile}`);
  } catch {
    // The message of OpenSSL may hold parts of the file.
    return new CertificateProblem(`${keyFile} has no private key in PEM form without a password`);
  }
}

/** The DNS names and addresses of a certificate. */
function namesOf(leaf: X509Certificate): string[] {
  const entries = (leaf.subjectAltName ?? '').matchAll(/(?:^|, )(DNS|IP Address):([^,"]+)/g);
  return [...entries].map(([, , name = '']) => name.trim());
}

import { resolve } from 'node:path';
import { z } from 'zod';
import type { Environment } from './environment.ts';
import type { CertificateFiles, TlsConfig } from './model.ts';

const serverName = z
  .string()
  .regex(
    /^(?:\*\.)?[A-Za-z0-9_-]+(?:[.:][A-Za-z0-9_-]*)*$/,
    'must be a host name, which may begin with *. for one label',
  );

/** `tls` in the configuration file. */
export const tlsSchema = z.strictObject({
  /** Certificates beside the one of TLS_CERT_FILE. Paths start at the folder in which Rampart was started. */
  certificates: z
    .array(
      z.strictObject({
        /** The certificate, then those of its issuers, in PEM form. */
        certFile: z.string().min(1),
        /** Its private key, without a password. */
        keyFile: z.string().min(1),
        /** The host names for which it is presented. Those in the certificate by default. */
        names: z.array(serverName).min(1).max(1000).optional(),
      }),
    )
    .max(1000)
    .optional(),
  /** TLSv1.2 by default. */
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
  /** Clients must present a certificate of an authority in this file. */
  clientCaFile: z.string().min(1).optional(),
  /** Whether every client must present a certificate (`required`, the default), or may (`optional`). */
  clientCertificates: z.enum(['required', 'optional']).optional(),
});

type TlsFile = z.output<typeof tlsSchema>;
type CertificatesFile = NonNullable<TlsFile['certificates']>;
type TlsVariables = Pick<Environment, 'TLS_PORT' | 'TLS_CERT_FILE' | 'TLS_KEY_FILE' | 'HTTP2'>;

/** The TLS listener; undefined without TLS_PORT. */
export function tlsOf(env: TlsVariables, file: TlsFile | undefined, folder: string): TlsConfig | undefined {
  const { TLS_PORT: port, TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = env;
  if (port === undefined) return undefined;
  const fromEnvironment: CertificatesFile =
    certFile === undefined || keyFile === undefined ? [] : [{ certFile, keyFile }];
  const certificates = [...fromEnvironment, ...(file?.certificates ?? [])].map((one): CertificateFiles => ({
    certFile: resolve(folder, one.certFile),
    keyFile: resolve(folder, one.keyFile),
    names: one.names,
  }));
  const clientCaFile = file?.clientCaFile === undefined ? undefined : resolve(folder, file.clientCaFile);
  const needsClientCertificate = clientCaFile !== undefined && file?.clientCertificates !== 'optional';
  return {
    port,
    certificates,
    minVersion: file?.minVersion ?? 'TLSv1.2',
    clientCaFile,
    needsClientCertificate,
    http2: env.HTTP2 === 'on',
  };
}

/** Settings of TLS that do not fit each other. `given`: the variables that are set, also those whose value is wrong, which is said by itself. */
export function tlsProblems(
  env: TlsVariables,
  file: TlsFile | undefined,
  given: ReadonlySet<string> = new Set(),
): string[] {
  const { TLS_PORT, TLS_CERT_FILE, TLS_KEY_FILE } = env;
  const hasPair = TLS_CERT_FILE !== undefined && TLS_KEY_FILE !== undefined;
  const hasCertificates = hasPair || (file?.certificates ?? []).length > 0;
  const hasPort = TLS_PORT !== undefined || given.has('TLS_PORT');
  const problems: string[] = [];
  if (TLS_CERT_FILE !== undefined && TLS_KEY_FILE === undefined)
    problems.push('TLS_KEY_FILE must be set with TLS_CERT_FILE');
  if (TLS_KEY_FILE !== undefined && TLS_CERT_FILE === undefined)
    problems.push('TLS_CERT_FILE must be set with TLS_KEY_FILE');
  if (TLS_PORT !== undefined && !hasCertificates) {
    problems.push(
      'TLS_PORT needs a certificate: TLS_CERT_FILE with TLS_KEY_FILE, or tls.certificates in the configuration file',
    );
  }
  if (!hasPort && (hasPair || file !== undefined)) {
    problems.push('TLS_PORT must be set, as there is a certificate or a setting of TLS for it');
  }
  if (file?.clientCertificates !== undefined && file.clientCaFile === undefined)
    problems.push('tls.clientCertificates needs tls.clientCaFile, which says whose certificates are accepted');
  if (!hasPort && env.HTTP2 === 'on')
    problems.push('HTTP2 needs TLS_PORT, as HTTP/2 is chosen in the handshake of TLS');
  return problems;
}

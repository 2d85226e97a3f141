import type { X509Certificate } from 'node:crypto';

/** The certificate that a client has presented in its TLS handshake, and that has been verified. */
export interface ClientCertificate {
  /** RFC 4514: `CN=till 7,O=Shop`. */
  readonly subject: string;
  readonly issuer: string;
  readonly commonName: string | undefined;
  /** The alternative names with their types, as in `DNS:till.example, URI:spiffe://shop/till`. */
  readonly san: string;
  /** The same without their types. */
  readonly names: readonly string[];
  /** In hex, as the next one. */
  readonly serial: string;
  /** SHA-256 of the certificate. */
  readonly fingerprint: string;
  readonly der: Buffer;
  /** In milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** Reads what is needed of a certificate. */
export function clientCertificate(certificate: X509Certificate): ClientCertificate {
  const { subjectAltName = '' } = certificate;
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    commonName: /^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1],
    san: subjectAltName,
    names: alternativeNames(subjectAltName),
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    der: certificate.raw,
    notAfterMs: Date.parse(certificate.validTo),
  };
}

/** Node has one attribute a line, the largest first, with the escapes of RFC 4514; in text the smallest comes first. */
const distinguishedName = (lines = ''): string => lines.split('\n').toReversed().join(',');

/** Node quotes names that have a comma or a quote in them, as JSON does. */
function alternativeNames(text: string): string[] {
  return [...text.matchAll(/(?:^|, )[A-Za-z][A-Za-z ]*:("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, name = '']) =>
    name.startsWith('"') ? (JSON.parse(name) as string) : name,
  );
}

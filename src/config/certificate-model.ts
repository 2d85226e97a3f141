/** A part of a client's certificate. */
export type CertificatePart = 'subject' | 'commonName' | 'san' | 'issuer' | 'serial' | 'fingerprint';

/** How the certificate of the TLS handshake says who a client is. */
export interface CertificateAuthConfig {
  /** The part that tells clients apart. */
  readonly client: CertificatePart;
  /** Values that parts must have, one of each list. */
  readonly require: Readonly<Partial<Record<CertificatePart, readonly string[]>>>;
  /** The fields in which the backend gets them. `certificate`: the whole of it. */
  readonly toHeaders: Readonly<Partial<Record<CertificatePart | 'certificate', string>>>;
}

import type { CertificateAuthConfig, CertificatePart } from '../../config/certificate-model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Exchange, KeyIdentity } from '../exchange.ts';
import type { ClientCertificate } from '../http/client-certificate.ts';
import { Refusal } from '../refusal.ts';
import type { Authenticator } from './authenticator.ts';

// Not 401: no scheme of HTTP authentication fits a certificate, and a 401 must name one.
const missing = new Refusal('forbidden', 'a client certificate is needed, in the handshake of TLS');
const expired = new Refusal('forbidden', 'the client certificate has expired since the handshake', { close: true });

/** Takes the certificate of the TLS handshake for the client. What it says of a certificate is found out once a connection. */
export class CertificateAuthenticator implements Authenticator {
  readonly #config: CertificateAuthConfig;
  readonly #clock: Clock;
  readonly #known = new WeakMap<ClientCertificate, KeyIdentity | Refusal>();

  constructor(config: CertificateAuthConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  identify({ request: { certificate } }: Exchange): KeyIdentity | Refusal {
    if (certificate === undefined) return missing;
    // A connection may be open for much longer than the certificate is valid.
    if (certificate.notAfterMs <= this.#clock.wallNow()) return expired;
    let found = this.#known.get(certificate);
    if (found === undefined) {
      found = this.#judge(certificate);
      this.#known.set(certificate, found);
    }
    return found;
  }

  #judge(certificate: ClientCertificate): KeyIdentity | Refusal {
    const { require, toHeaders, client } = this.#config;
    for (const [part, wanted] of Object.entries(require)) {
      const values = valuesOf(certificate, part as CertificatePart);
      if (!values.some((value) => wanted.includes(value)))
        return new Refusal('forbidden', `the client certificate has another ${part} than is allowed`);
    }
    const headers = Object.entries(toHeaders).flatMap(([part, name]) => {
      const text = textOf(certificate, part as CertificatePart | 'certificate');
      return text === '' ? [] : [name, inField(text)];
    });
    const name = textOf(certificate, client);
    return { id: `certificate:${name === '' ? certificate.fingerprint : name}`, name, headers };
  }
}

const valuesOf = (certificate: ClientCertificate, part: CertificatePart): readonly string[] =>
  part === 'san' ? certificate.names : [textOf(certificate, part)];

/** `certificate`: as a byte sequence of structured fields (RFC 9440 §2.1). */
function textOf(certificate: ClientCertificate, part: CertificatePart | 'certificate'): string {
  return part === 'certificate' ? `:${certificate.der.toString('base64')}:` : (certificate[part] ?? '');
}

/** What a field cannot carry safely is percent-encoded as UTF-8, and so is the percent sign. */
const inField = (text: string): string =>
  text.replace(/[^\x20-\x24\x26-\x7e]+|^ +| +$/gu, (part) => encodeURIComponent(part.toWellFormed()));

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import type { TlsConfig } from '../../config/model.ts';
import { messageOf, UsageError } from '../../core/errors.ts';
import type { GatewayContext } from '../context.ts';
import { Certificates, readAll } from './certificates.ts';
import { type SecureAcceptors, TlsServer } from './tls-server.ts';

/** Bytes of a key for session tickets: its name, and the keys of HMAC and AES (Node's format). */
export const TICKET_KEY_BYTES = 48;

/** Opens the TLS server of a worker, with its certificates. Throws a UsageError that lists every problem. */
export function openTls(config: TlsConfig, context: GatewayContext, acceptors: SecureAcceptors): TlsServer {
  const { clock, log, bugs, metrics } = context;
  const { registry } = metrics;
  const unmatched = metrics.endpoint('unmatched');
  const options = { files: config.certificates, settings: settingsOf(config), clock, log, registry };
  return new TlsServer({
    // Until control hands out the keys that all workers share.
    certificates: Certificates.open(options, randomBytes(TICKET_KEY_BYTES)),
    protocols: config.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
    clientCertificates:
      config.clientCaFile === undefined ? 'none' : config.needsClientCertificate ? 'required' : 'optional',
    acceptors,
    onOverflow: () => unmatched.countRejection('overloaded'),
    registry,
    clock,
    bugs,
  });
}

/** Throws a UsageError that lists every problem of the files. */
export function checkTlsFiles(config: TlsConfig): void {
  readAll(config.certificates);
  settingsOf(config);
}

function settingsOf({ minVersion, clientCaFile }: TlsConfig): SecureContextOptions {
  if (clientCaFile === undefined) return { minVersion };
  try {
    return { minVersion, ca: readFileSync(clientCaFile) };
  } catch (error) {
    throw new UsageError(`Cannot serve TLS, as tls.clientCaFile cannot be read: ${messageOf(error)}`);
  }
}

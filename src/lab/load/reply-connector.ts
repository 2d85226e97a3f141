import { buildConnector } from 'undici';
import type { LoadTarget } from './engine.ts';
import { leaveOutContinue } from '../../core/interim-filter.ts';

/**
 * Connections for undici that leave out a `100 Continue` that the client has not asked for: undici takes it for an error, and RFC 9110
 * §15.2 has clients accept it. Certificates are verified unless `insecure` says otherwise, whatever the environment says.
 */
export function replyConnector(timeoutMs: number, insecure = false): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, rejectUnauthorized: !insecure });
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (error === null) {
        leaveOutContinue(socket);
        callback(null, socket);
      } else callback(error, null);
    });
}

/** The limits of undici's client are off: they are for the head and for each part of the body, and coarse. */
export const clientOptions = ({ timeoutMs, insecure }: LoadTarget) => ({
  headersTimeout: 0,
  bodyTimeout: 0,
  connect: replyConnector(timeoutMs, insecure),
});

import type { ClientCall } from '../clients.ts';

/**
 * The calls that failed at their client.
 *
 * A refused connection is none of them: no request was sent, so a balancer takes the next host.
 */
export function clientErrors(calls: readonly ClientCall[]): ClientCall[] {
  return calls.filter(({ outcome }) => outcome !== 200 && outcome !== 'ECONNREFUSED');
}

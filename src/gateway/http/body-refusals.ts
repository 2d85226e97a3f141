import { Refusal } from '../refusal.ts';

export const clientClosed = new Refusal('client-closed', 'the client left');
export const clientTooSlow = new Refusal('request-timeout', 'the body took too long to arrive', { close: true });

export function bodyTooLarge(limitBytes: number): Refusal {
  return new Refusal('body-too-large', `the body must have at most ${limitBytes} bytes`, { close: true });
}

import type { AddressSet } from '../../core/addresses.ts';
import { addressOfUrl, isPublicAddress } from '../../core/public-address.ts';

const LONGEST = 2000;

/** Whether a webhook may be sent to an address: a public one, or one that the operator allows. */
export const mayReach = (address: string, allowed: AddressSet): boolean =>
  isPublicAddress(address) || allowed.has(address);

/**
 * The problem of a text that should be the URL of a webhook; undefined if it can be tried. Where the host of the URL leads is seen
 * when the webhook is sent. Plain http is only for addresses that the operator allows, since anybody in between reads it.
 */
export function webhookUrlProblem(text: string, allowed: AddressSet): string | undefined {
  if (text.length > LONGEST) return `it has at most ${LONGEST} characters`;
  if (!URL.canParse(text)) return 'it must be an absolute URL, such as https://example.com/done';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowed.size > 0))
    return 'it must begin with https://';
  if (url.username !== '' || url.password !== '')
    return 'it must have no user and password: the signature says who sends it';
  if (url.hash !== '') return 'it must have no fragment';
  const address = addressOfUrl(url);
  if (address !== undefined && !mayReach(address, allowed)) return 'it must lead to a public address';
  return undefined;
}

import { requestId } from '../../core/ids.ts';
import type { Refusal } from '../refusal.ts';
import { peerAddress } from './peer-address.ts';

/** A request that was refused before it had an exchange. */
export interface UnparsedRequest {
  readonly id: string;
  readonly refusal: Refusal;
  /** As `peerAddress` gives it. */
  readonly peerAddress: string;
}

/** A request that is refused now. `remoteAddress`: of its socket, undefined if that has closed. */
export function unparsedRequest(refusal: Refusal, remoteAddress: string | undefined): UnparsedRequest {
  return { id: requestId(), refusal, peerAddress: peerAddress(remoteAddress) };
}

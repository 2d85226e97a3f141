/** Why the gateway itself ended something. */
export abstract class Cancellation extends Error {}
/** The gateway gave up waiting. */
export class UpstreamTimeout extends Cancellation {}
/** The client has waited for as long as it said that it would. */
export class ClientDeadline extends Cancellation {}
/** Another backend has answered the same request. */
export class Superseded extends Cancellation {}
/** The client left. */
export class ClientGone extends Cancellation {}
/** The backend of the request went down. */
export class BackendLost extends Cancellation {}
/** The reply turned out to be a stream, and the upstream has no place for another one. */
export class NoStreamPlace extends Cancellation {}

/**
 * Something that a request or a layer waits for, and that can be cancelled. Kept as the object that does it: a fresh closure
 * for each request in this place made V8 keep every request until the next full collection (a sixth of the processor time,
 * measured).
 */
export interface Cancellable {
  cancel(reason: Cancellation): void;
}

/** A worker asks control for places of one client, and reports those that it gives back. A place is one request in flight. */
export interface PlaceAsk {
  /** The client: `key:` or `route:` with its value. */
  readonly subject: string;
  /** Places of the client over all workers. */
  readonly max: number;
  /** Requests that wait for a place at this worker now; 0 if it only reports. */
  readonly wanted: number;
  /** Places in use that this control has not given: taken without control, or given by a previous one. */
  readonly held: number;
  readonly returned: number;
}

/** Control gives a worker places of a client, or tells it that they have become scarce. */
export interface PlaceNews {
  readonly subject: string;
  readonly given: number;
  /** Requests wait for a place: unused ones go back at once. */
  readonly isScarce: boolean;
}

/** How long a request waits for a place, so that a client which sends one request after the other is not refused. */
export const PLACE_WAIT_MS = 20;
/** How long a worker gives places back at once after it has heard that they are scarce. */
export const SCARCE_MS = 100;

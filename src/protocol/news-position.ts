/** A position in the news of a fleet, such as the last news that a host has taken. */
export interface NewsPosition {
  /** Names the stream. A server that was started again or has lost its data has another stream, numbered from 1. */
  readonly stream: string;
  readonly number: number;
}

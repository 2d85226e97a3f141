import { type OutcomeName, outcomes } from './outcome.ts';

/** All requests of a run, a column for each property; rows in the order in which they were begun. */
export interface RequestColumns {
  readonly endpoint: Uint16Array;
  readonly intendedMs: Float64Array;
  readonly sentMs: Float64Array;
  readonly endMs: Float64Array;
  readonly outcome: Uint8Array;
  readonly status: Uint16Array;
  /** The duration in Server-Timing; NaN if the reply has none. */
  readonly waitMs: Float32Array;
  readonly execMs: Float32Array;
}

const FIRST_CAPACITY = 1024;

/**
 * The requests of a run, from their begin to the one outcome that each of them has. In columns, as an object for each
 * would cost the sender time and collections. Times are milliseconds from the start of the run.
 */
export class Requests {
  #columns: RequestColumns;
  #count = 0;
  #settled = 0;

  constructor(capacity = FIRST_CAPACITY) {
    this.#columns = emptyColumns(capacity);
  }

  /** All rows of several runs that went on at the same time, in the order of their intended starts. */
  static merged(parts: readonly Requests[]): Requests {
    const rows = parts
      .flatMap((part) => Array.from({ length: part.count }, (_, index) => ({ part, index })))
      .sort((left, right) => left.part.intendedMs(left.index) - right.part.intendedMs(right.index));
    const merged = new Requests(rows.length);
    for (const { part, index } of rows) merged.#copy(part, index);
    return merged;
  }

  static of(columns: RequestColumns): Requests {
    const requests = new Requests(0);
    requests.#columns = columns;
    requests.#count = columns.endpoint.length;
    requests.#settled = columns.outcome.filter((outcome) => outcome !== 0).length;
    return requests;
  }

  get count(): number {
    return this.#count;
  }

  get settled(): number {
    return this.#settled;
  }

  columns(): RequestColumns {
    const cut = <Column extends { slice(from: number, to: number): Column }>(column: Column): Column =>
      column.slice(0, this.#count);
    const { endpoint, intendedMs, sentMs, endMs, outcome, status, waitMs, execMs } = this.#columns;
    return {
      endpoint: cut(endpoint),
      intendedMs: cut(intendedMs),
      sentMs: cut(sentMs),
      endMs: cut(endMs),
      outcome: cut(outcome),
      status: cut(status),
      waitMs: cut(waitMs),
      execMs: cut(execMs),
    };
  }

  /** A request that is due, and handed to the connection now. */
  begin(endpoint: number, intendedMs: number, sentMs: number): number {
    if (this.#count === this.#columns.endpoint.length) this.#grow();
    const index = this.#count++;
    this.#columns.endpoint[index] = endpoint;
    this.#columns.intendedMs[index] = intendedMs;
    this.#columns.sentMs[index] = sentMs;
    this.#columns.waitMs[index] = Number.NaN;
    this.#columns.execMs[index] = Number.NaN;
    return index;
  }

  /** The server's own times. */
  timing(index: number, waitMs: number, execMs: number): void {
    this.#columns.waitMs[index] = waitMs;
    this.#columns.execMs[index] = execMs;
  }

  /** Records the outcome of a request; a second outcome is a bug, because the counts would be wrong. */
  settle(index: number, outcome: OutcomeName, status: number, endMs: number): void {
    if (this.#columns.outcome[index] !== 0) throw new Error(`request ${index} ended twice`);
    this.#columns.outcome[index] = outcomes.indexOf(outcome);
    this.#columns.status[index] = status;
    this.#columns.endMs[index] = endMs;
    this.#settled++;
  }

  endpoint(index: number): number {
    return this.#columns.endpoint[index] as number;
  }

  intendedMs(index: number): number {
    return this.#columns.intendedMs[index] as number;
  }

  sentMs(index: number): number {
    return this.#columns.sentMs[index] as number;
  }

  endMs(index: number): number {
    return this.#columns.endMs[index] as number;
  }

  /** Time from the intended start to the end, which a user would have seen even if the sender was late. */
  latencyMs(index: number): number {
    return this.endMs(index) - this.intendedMs(index);
  }

  waitMs(index: number): number {
    return this.#columns.waitMs[index] as number;
  }

  execMs(index: number): number {
    return this.#columns.execMs[index] as number;
  }

  outcome(index: number): OutcomeName {
    return outcomes[this.#columns.outcome[index] as number] as OutcomeName;
  }

  status(index: number): number {
    return this.#columns.status[index] as number;
  }

  #copy(from: Requests, index: number): void {
    const at = this.begin(from.endpoint(index), from.intendedMs(index), from.sentMs(index));
    this.timing(at, from.waitMs(index), from.execMs(index));
    const outcome = from.outcome(index);
    if (outcome !== 'pending') this.settle(at, outcome, from.status(index), from.endMs(index));
  }

  #grow(): void {
    const larger = emptyColumns(Math.max(FIRST_CAPACITY, 2 * this.#count));
    for (const name of Object.keys(larger) as (keyof RequestColumns)[]) larger[name].set(this.#columns[name]);
    this.#columns = larger;
  }
}

function emptyColumns(capacity: number): RequestColumns {
  return {
    endpoint: new Uint16Array(capacity),
    intendedMs: new Float64Array(capacity),
    sentMs: new Float64Array(capacity),
    endMs: new Float64Array(capacity),
    outcome: new Uint8Array(capacity),
    status: new Uint16Array(capacity),
    waitMs: new Float32Array(capacity),
    execMs: new Float32Array(capacity),
  };
}

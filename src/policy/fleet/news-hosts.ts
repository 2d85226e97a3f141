import type { NewsPosition } from '../../protocol/news-position.ts';
import { TRUST_MS } from './worker-trust.ts';

/**
 * A host that was silent for this long uses nothing that it has stored, because its trust has ended, even by a clock that is a tenth slower.
 */
export const SILENT_MS = TRUST_MS * 1.1 + 500;

/** The entry of one control in the stream. */
export interface HostMark {
  /** Unique for each start of control, because the workers of an earlier control may still have its trust. */
  readonly control: string;
  readonly host: string;
  /** Differs after each time at which it has asked for news. */
  readonly seen: string;
  /** The last news that its host has carried out; undefined if there is none yet. */
  readonly acknowledged: NewsPosition | undefined;
}

interface Known {
  readonly mark: HostMark;
  readonly stream: string;
  /** When this host last saw a new sign of life of it. */
  readonly heardAt: number;
}

/** The hosts that have carried out news. */
export interface NewsReach {
  readonly hosts: number;
  readonly acknowledged: number;
  /** Names of the hosts that have not. */
  readonly missing: readonly string[];
  /** False while there may be hosts that this one does not know, because the stream is new. */
  readonly isSure: boolean;
}

/** A list of all hosts, as the stream has it. */
export interface HostList {
  readonly stream: string;
  readonly marks: readonly HostMark[];
  /** The age of the stream. */
  readonly ageMs: number;
  /** When this host asked for the list, by its clock. */
  readonly askedAt: number;
}

/** The hosts of a fleet as one of them sees them. Silence is measured by its own clock, because the server's may make steps. */
export class NewsHosts {
  #known: ReadonlyMap<string, Known> = new Map();
  #stream: string | undefined;
  /** When the last list was asked for. A host is silent only in lists, because this host may have heard nothing itself. */
  #listedAt = Number.NEGATIVE_INFINITY;
  /** A list that is asked for later has every host that may still have trust. */
  #sureAt = Number.POSITIVE_INFINITY;
  #isSure = false;

  /** Takes a list that has come now. */
  heard({ stream, marks, ageMs, askedAt }: HostList, now: number): void {
    const next = new Map<string, Known>();
    for (const [control, known] of this.#known) {
      // A host that is known from another stream may not have reached this one yet. A host that is missing in its own stream has left.
      if (known.stream !== stream && askedAt - known.heardAt < SILENT_MS) next.set(control, known);
    }
    for (const mark of marks) {
      const before = this.#known.get(mark.control);
      const isSame = before?.stream === stream && before.mark.seen === mark.seen;
      next.set(mark.control, { mark, stream, heardAt: isSame ? before.heardAt : now });
    }
    if (stream !== this.#stream) this.#sureAt = now + SILENT_MS;
    this.#isSure = ageMs >= SILENT_MS || askedAt >= this.#sureAt;
    this.#known = next;
    this.#stream = stream;
    this.#listedAt = askedAt;
  }

  /** The hosts that have carried out the news up to this position. Silent hosts do not count. */
  reach({ stream, number }: NewsPosition): NewsReach {
    const hasDone = new Map<string, boolean>();
    for (const { host, acknowledged } of this.#live()) {
      const isDone = acknowledged?.stream === stream && acknowledged.number >= number;
      hasDone.set(host, isDone && hasDone.get(host) !== false);
    }
    const missing = [...hasDone].filter(([, isDone]) => !isDone).map(([host]) => host);
    const hosts = hasDone.size;
    const isSure = stream === this.#stream && this.#isSure;
    return { hosts, acknowledged: hosts - missing.length, missing: missing.toSorted(), isSure };
  }

  /** False while there may be hosts that this one does not know, because the stream is new. */
  get isSure(): boolean {
    return this.#isSure;
  }

  /** The names of all hosts that are not silent, in order. */
  get names(): string[] {
    return [...new Set(this.#live().map(({ host }) => host))].toSorted();
  }

  #live(): HostMark[] {
    const live = [...this.#known.values()].filter(({ heardAt }) => this.#listedAt - heardAt < SILENT_MS);
    return live.map(({ mark }) => mark);
  }
}

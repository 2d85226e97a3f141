import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../core/clock.ts';
import { mergePatchOf } from '../../core/merge-patch.ts';
import type { Bugs } from '../../metrics/bugs.ts';
import type { HostChange, LiveEventName, LiveView } from '../../protocol/live-view.ts';
import type { LiveSource } from './live-source.ts';

/** More than the people and the screens that watch one host. */
const MOST_VIEWERS = 64;
/** Keeps proxies from closing a stream that says nothing. */
const COMMENT_INTERVAL_MS = 15_000;
/** A viewer that has read nothing for so long has gone, although its connection is open. */
const STUCK_LIMIT_MS = 60_000;
/** Changes that a new viewer gets; `GET /api/history` has all. */
const CHANGES_AT_START = 50;

interface Viewer {
  readonly res: ServerResponse;
  /** The number of the view that it has; another one means that the next delta does not fit. */
  viewNumber: number;
  /** Since when it has not read what was sent; undefined if it has. */
  stuckSince: number | undefined;
  lastChange: number;
  /** Whether it may still read: its session may end while the stream is open. */
  readonly isAllowed: () => boolean;
}

export interface EventHubOptions {
  readonly source: LiveSource;
  readonly clock: Clock;
  readonly bugs: Bugs;
}

/** Sends the host to all viewers, second by second. Every event is written as text once, whatever their number. */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #viewers = new Set<Viewer>();
  #unsubscribe: (() => void) | undefined;
  #commentTimer: Timer | undefined;
  #view: LiveView;
  #viewNumber = 0;

  constructor(options: EventHubOptions) {
    this.#options = options;
    this.#view = options.source.view;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /**
   * Sends events until the viewer leaves or is no longer allowed; false if there are too many viewers. `lastChange`: the
   * last one that it has.
   */
  open(res: ServerResponse, lastChange: number | undefined, isAllowed: () => boolean): boolean {
    if (this.#viewers.size >= MOST_VIEWERS) return false;
    const { bugs } = this.#options;
    if (this.#viewers.size === 0) this.#start();
    const viewer: Viewer = {
      res,
      viewNumber: -1,
      stuckSince: undefined,
      lastChange: this.#startOf(lastChange),
      isAllowed,
    };
    this.#viewers.add(viewer);
    const leave = bugs.guard('events', () => this.#leave(viewer));
    res.once('close', leave);
    res.once('error', leave);
    res.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    viewer.res.write(this.#wholeFor(viewer));
    return true;
  }

  /** The change after which a viewer gets all. A number that is not reached yet comes from the time of another control. */
  #startOf(lastChange: number | undefined): number {
    const { changes } = this.#options.source;
    if (lastChange !== undefined && lastChange <= (changes.at(-1)?.id ?? 0)) return lastChange;
    return (changes.slice(-CHANGES_AT_START)[0]?.id ?? 1) - 1;
  }

  /** Ends all streams. */
  close(): void {
    for (const viewer of this.#viewers) {
      viewer.res.end();
      this.#leave(viewer);
    }
  }

  #start(): void {
    const { source, clock, bugs } = this.#options;
    this.#view = source.view;
    this.#unsubscribe = source.subscribe({
      second: bugs.guard('events', (view: LiveView) => this.#second(view)),
      changed: bugs.guard('events', (change: HostChange) => this.#changed(change)),
    });
    const comment = (): void => {
      for (const viewer of this.#viewers) {
        if (!viewer.isAllowed()) viewer.res.end();
        else if (this.#isReading(viewer)) viewer.res.write(':\n\n');
      }
      this.#commentTimer = clock.setTimeout(comment, COMMENT_INTERVAL_MS);
    };
    this.#commentTimer = clock.setTimeout(comment, COMMENT_INTERVAL_MS);
  }

  #leave(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#commentTimer?.cancel();
  }

  #second(view: LiveView): void {
    const patch = mergePatchOf(this.#view, view);
    this.#view = view;
    const before = this.#viewNumber++;
    const delta = patch === undefined ? '' : eventText('delta', patch);
    for (const viewer of this.#viewers) {
      if (!this.#isReading(viewer)) continue;
      if (viewer.viewNumber !== before) viewer.res.write(this.#wholeFor(viewer));
      else {
        viewer.viewNumber = this.#viewNumber;
        if (delta !== '') viewer.res.write(delta);
      }
    }
  }

  #changed(change: HostChange): void {
    const text = eventText('change', change, change.id);
    for (const viewer of this.#viewers) {
      // A viewer that has fallen behind gets it with its next view.
      if (!this.#isReading(viewer) || viewer.viewNumber !== this.#viewNumber) continue;
      viewer.lastChange = change.id;
      viewer.res.write(text);
    }
  }

  /** The present view, and the changes that the viewer has missed. */
  #wholeFor(viewer: Viewer): string {
    viewer.viewNumber = this.#viewNumber;
    const missed = this.#options.source.changes.filter(({ id }) => id > viewer.lastChange);
    viewer.lastChange = missed.at(-1)?.id ?? viewer.lastChange;
    return `${eventText('view', this.#view)}${eventText('changes', missed, viewer.lastChange)}`;
  }

  #isReading(viewer: Viewer): boolean {
    const now = this.#options.clock.now();
    if (!viewer.res.writableNeedDrain) viewer.stuckSince = undefined;
    else if (viewer.stuckSince === undefined) viewer.stuckSince = now;
    else if (now - viewer.stuckSince > STUCK_LIMIT_MS) viewer.res.destroy();
    return viewer.stuckSince === undefined;
  }
}

/** JSON has no line breaks, so that an event has one line of data. */
const eventText = (name: LiveEventName, data: unknown, id?: number): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

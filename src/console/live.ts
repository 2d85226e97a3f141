import type { Clock, Timer } from '../core/clock.ts';
import { mergePatched } from '../core/merge-patch.ts';
import type { HostChange, LiveView } from '../protocol/live-view.ts';

/** After so long without an event the page says that it has no news: a stale picture of health is worse than none. */
const NO_NEWS_AFTER_MS = 2500;
const LOOK_INTERVAL_MS = 250;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 4000;
/** A hidden page gives its connection back after this time; browsers allow only six to one host. */
const HIDDEN_LIMIT_MS = 5000;

export interface LiveEvents {
  /** A new view; `isFirst` if the stream has just begun, so that something may have been missed. */
  view(view: LiveView, isFirst: boolean): void;
  changes(changes: readonly HostChange[], areNew: boolean): void;
  /** No event for a while. `sinceMs`: since when, by the clock of this browser. */
  silent(sinceMs: number): void;
  /** The stream was refused, perhaps because the session has ended; resolves whether to go on trying. */
  refused(): Promise<boolean>;
}

/** The event stream of control: it opens itself again whatever happens, and says when nothing comes. */
export class LiveStream {
  readonly #clock: Clock;
  readonly #events: LiveEvents;
  readonly #url: string;
  #source: EventSource | undefined;
  #view: unknown;
  #heardAt: number;
  #isFirst = true;
  #lastChange = 0;
  #retryMs = FIRST_RETRY_MS;
  #retry: Timer | undefined;
  #hiding: Timer | undefined;
  #isStopped = false;

  constructor(clock: Clock, url: string, events: LiveEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#url = url;
    this.#heardAt = clock.now();
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
    this.#open();
    this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#close();
  }

  #open(): void {
    this.#close();
    this.#isFirst = true;
    const source = new EventSource(this.#url);
    this.#source = source;
    const on = (name: string, take: (data: unknown) => void): void =>
      source.addEventListener(name, (event) => {
        this.#heardAt = this.#clock.now();
        this.#retryMs = FIRST_RETRY_MS;
        take(JSON.parse((event as MessageEvent<string>).data));
      });
    on('view', (view) => this.#show(view));
    on('delta', (patch) => this.#show(mergePatched(this.#view, patch)));
    on('changes', (changes) => this.#changed(changes as HostChange[], false));
    on('change', (change) => this.#changed([change as HostChange], true));
    source.addEventListener('error', () => void this.#failed(source));
  }

  #close(): void {
    this.#source?.close();
    this.#source = undefined;
  }

  #show(view: unknown): void {
    this.#view = view;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#events.view(view as LiveView, isFirst);
  }

  #changed(changes: readonly HostChange[], areNew: boolean): void {
    const known = this.#lastChange;
    // A control that was started again counts from one again.
    const fresh = changes.filter(({ id }) => id > known || !areNew);
    this.#lastChange = changes.at(-1)?.id ?? known;
    if (fresh.length > 0) this.#events.changes(fresh, areNew);
  }

  async #failed(source: EventSource): Promise<void> {
    if (source !== this.#source || this.#isStopped) return;
    this.#close();
    const goesOn = await this.#events.refused();
    if (!goesOn || this.#isStopped) return;
    this.#retry = this.#clock.setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
  }

  #look(): void {
    if (this.#isStopped) return;
    const silentMs = this.#clock.now() - this.#heardAt;
    if (silentMs > NO_NEWS_AFTER_MS && !document.hidden) this.#events.silent(this.#clock.wallNow() - silentMs);
    // A connection that was cut without a word: the browser would wait for hours.
    if (silentMs > 3 * NO_NEWS_AFTER_MS && this.#source !== undefined && !document.hidden) {
      this.#heardAt = this.#clock.now() - NO_NEWS_AFTER_MS;
      void this.#failed(this.#source);
    }
    this.#clock.setTimeout(() => this.#look(), LOOK_INTERVAL_MS);
  }

  #visibilityChanged(): void {
    this.#hiding?.cancel();
    if (this.#isStopped) return;
    if (document.hidden) this.#hiding = this.#clock.setTimeout(() => this.#close(), HIDDEN_LIMIT_MS);
    else if (this.#source === undefined) {
      this.#heardAt = this.#clock.now();
      this.#retry?.cancel();
      this.#open();
    }
  }
}

import type { HistoryView, HostChange, LiveView } from '../../protocol/live-view.ts';

export interface LiveListener {
  /** Once a second. */
  second(view: LiveView): void;
  changed(change: HostChange): void;
}

/** The host as control sees it, second by second. */
export interface LiveSource {
  readonly view: LiveView;
  /** The last changes, oldest first. */
  readonly changes: readonly HostChange[];
  /** The figures from `fromMs` to `toMs`, in at most `maxPoints` points of equal length. */
  history(fromMs: number, toMs: number, maxPoints: number): HistoryView;
  /** Calls the listener until the returned function is called. */
  subscribe(listener: LiveListener): () => void;
}

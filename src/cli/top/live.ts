import type { ReadStream, WriteStream } from 'node:tty';
import type { Clock, Timer } from '../../core/clock.ts';
import type { LiveView } from '../../protocol/live-view.ts';
import { screenOf } from './screen.ts';
import { Pen, type TerminalStyle } from './style.ts';
import { tableOf } from './tables.ts';
import { Terminal } from './terminal.ts';
import { afterKey, initialState, keysIn, type TopState } from './top-state.ts';

const INTERVAL_MS = 1000;
/** Without an answer, the time since the last one goes on. */
const REDRAW_MS = 500;
const HISTORY = 60;

/** `rampart top` in a terminal: asks control once a second, and draws what it says. */
export class TopScreen {
  readonly #terminal: Terminal;
  readonly #pen: Pen;
  readonly #look: () => Promise<LiveView | undefined>;
  readonly #clock: Clock;
  #state: TopState = initialState;
  #view: LiveView | undefined;
  #viewAt = 0;
  #hasAsked = false;
  #rates: (number | null)[] = [];
  #latencies: (number | null)[] = [];
  #timers: Timer[] = [];
  #end: (() => void) | undefined;

  constructor(
    input: ReadStream,
    output: WriteStream,
    style: TerminalStyle,
    look: () => Promise<LiveView | undefined>,
    clock: Clock,
  ) {
    this.#pen = new Pen(style);
    this.#look = look;
    this.#clock = clock;
    this.#terminal = new Terminal(input, output, {
      typed: (bytes) => this.#typed(bytes),
      redraw: () => this.#draw(),
      ended: () => this.#end?.(),
    });
  }

  /** Resolves when the person at the terminal ends it, or a signal does. */
  async run(): Promise<void> {
    const over = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    this.#terminal.open();
    try {
      this.#draw();
      void this.#asking();
      this.#redrawing();
      await over;
    } finally {
      for (const timer of this.#timers) timer.cancel();
      this.#terminal.close();
    }
  }

  async #asking(): Promise<void> {
    const view = await this.#look();
    this.#hasAsked = true;
    if (view !== undefined && !this.#state.isPaused) {
      this.#view = view;
      this.#viewAt = this.#clock.now();
      this.#rates = [...this.#rates, view.numbers.requestsPerSecond].slice(-HISTORY);
      this.#latencies = [...this.#latencies, view.numbers.p95Ms].slice(-HISTORY);
    }
    this.#draw();
    this.#timers[0] = this.#clock.setTimeout(() => void this.#asking(), INTERVAL_MS);
  }

  #redrawing(): void {
    this.#timers[1] = this.#clock.setTimeout(() => {
      this.#draw();
      this.#redrawing();
    }, REDRAW_MS);
  }

  #typed(bytes: string): void {
    for (const key of keysIn(bytes)) {
      const table = this.#view === undefined ? undefined : tableOf(this.#state.table, this.#view, this.#pen);
      this.#state = afterKey(this.#state, key, table?.columns.length ?? 1);
      const last = (table?.rows.length ?? 1) - 1;
      this.#state = { ...this.#state, selected: Math.max(0, Math.min(this.#state.selected, last)) };
    }
    if (this.#state.isOver) this.#end?.();
    else this.#draw();
  }

  #draw(): void {
    const data = {
      view: this.#view,
      ratesPerSecond: this.#rates,
      latenciesMs: this.#latencies,
      silentMs: this.#clock.now() - this.#viewAt,
      problem: this.#hasAsked ? 'control does not answer' : undefined,
    };
    this.#terminal.show(screenOf(data, this.#state, this.#terminal.size, this.#pen));
  }
}

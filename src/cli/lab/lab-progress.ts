import type { Clock, Timer } from '../../core/clock.ts';
import { lineText, linesText } from '../terminal-text.ts';
import { type Expectation, leftText, timeLine } from './time-left.ts';

export interface LabProgressOptions {
  readonly name: string;
  readonly out: { write(text: string): unknown };
  readonly clock: Clock;
  /** The columns of a terminal; undefined where the output is none, and gets whole lines alone. */
  readonly columns: number | undefined;
}

const DRAW_EVERY_MS = 1000;
const SAY_EVERY_MS = 15_000;
const CLEAR_LINE = '\r\u001b[2K';

/** Shows an experiment's lines, and how long it still takes: in a line that is drawn again below them, or in lines now and then. */
export class LabProgress {
  readonly #options: LabProgressOptions;
  #expectation: Expectation | undefined;
  /** When the experiment first said how long it takes; before that, systems start. */
  #startedAtMs: number | undefined;
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #isDrawn = false;
  #isOver = false;

  constructor(options: LabProgressOptions) {
    this.#options = options;
  }

  say(line: string): void {
    this.#clear();
    this.#options.out.write(linesText(line.split('\n')));
    this.#draw();
  }

  expect(leftMs: number): void {
    const { clock, columns, out } = this.#options;
    const now = clock.now();
    // An experiment that is interrupted goes on until its systems have ended.
    if (this.#isOver) return undefined;
    this.#expectation = { estimatedAtMs: now, leftMs };
    this.#startedAtMs ??= now;
    if (columns !== undefined) return this.#redraw();
    if (now - this.#saidAtMs < SAY_EVERY_MS) return undefined;
    this.#saidAtMs = now;
    out.write(`  ${leftText(this.#expectation, now)}\n`);
    return undefined;
  }

  /** Leaves nothing of itself on the terminal. */
  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#expectation = undefined;
    this.#clear();
  }

  #redraw(): void {
    this.#timer?.cancel();
    this.#clear();
    this.#draw();
    this.#timer = this.#options.clock.setTimeout(() => this.#redraw(), DRAW_EVERY_MS);
  }

  #draw(): void {
    const { name, out, clock, columns } = this.#options;
    if (columns === undefined || this.#expectation === undefined) return;
    const nowMs = clock.now();
    const line = timeLine(name, this.#expectation, { startedAtMs: this.#startedAtMs ?? nowMs, nowMs });
    // A line that wraps could not be drawn again.
    out.write(lineText(line).slice(0, Math.max(0, columns - 1)));
    this.#isDrawn = true;
  }

  #clear(): void {
    if (!this.#isDrawn) return;
    this.#options.out.write(CLEAR_LINE);
    this.#isDrawn = false;
  }
}

import type { ReadStream, WriteStream } from 'node:tty';
import { enterScreen, frameChange, leaveScreen } from './frame.ts';
import type { TerminalStyle } from './style.ts';

export interface TerminalEvents {
  /** Bytes that were typed. */
  typed(bytes: string): void;
  /** The size has changed, or the process is in the foreground again. */
  redraw(): void;
  /** It is to end. */
  ended(): void;
}

const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/** A terminal in raw mode with a screen of its own, which it gives back however the process ends. */
export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #handlers: (readonly [NodeJS.Signals, () => void])[];
  readonly #onExit = (): void => this.#restore();
  readonly #onData: (bytes: Buffer) => void;
  readonly #onResize: () => void;
  #shown: readonly string[] | undefined;
  #isOpen = false;

  constructor(input: ReadStream, output: WriteStream, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#onData = (bytes) => (bytes.includes(0x1a) ? this.#suspend() : events.typed(bytes.toString('utf8')));
    this.#onResize = () => {
      this.#shown = undefined;
      events.redraw();
    };
    const resumed = (): void => {
      this.#enter();
      events.redraw();
    };
    this.#handlers = [...signals.map((signal) => [signal, () => events.ended()] as const), ['SIGCONT', resumed]];
  }

  get size(): { columns: number; rows: number } {
    return { columns: Math.max(20, this.#output.columns || 80), rows: Math.max(5, this.#output.rows || 24) };
  }

  open(): void {
    // Also after an exception that nobody caught: the terminal of a shell must not stay raw.
    process.on('exit', this.#onExit);
    for (const [signal, handler] of this.#handlers) process.on(signal, handler);
    this.#output.on('resize', this.#onResize);
    this.#input.on('data', this.#onData);
    this.#enter();
  }

  /** Writes the lines that differ from those that are shown. */
  show(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const change = frameChange(this.#shown, lines);
    this.#shown = lines;
    if (change !== '') this.#output.write(change);
  }

  close(): void {
    process.off('exit', this.#onExit);
    for (const [signal, handler] of this.#handlers) process.off(signal, handler);
    this.#output.off('resize', this.#onResize);
    this.#input.off('data', this.#onData);
    this.#restore();
    this.#input.pause();
  }

  #enter(): void {
    this.#isOpen = true;
    this.#shown = undefined;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(enterScreen);
  }

  #restore(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(leaveScreen);
    this.#input.setRawMode(false);
  }

  /** Ctrl-Z in raw mode is a byte. */
  #suspend(): void {
    this.#restore();
    process.kill(process.pid, 'SIGSTOP');
  }
}

/** What the terminal shows, by the conventions of NO_COLOR, TERM and the locale. */
export function styleOf(env: Readonly<Record<string, string | undefined>>, color: boolean | undefined): TerminalStyle {
  const isDumb = env['TERM'] === 'dumb';
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  const isColored = color ?? ((env['NO_COLOR'] ?? '') === '' && !isDumb);
  return { isColored, isUnicode: !isDumb && /utf-?8/i.test(locale) };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import xterm from '@xterm/headless';
import { enterScreen, frameChange, leaveScreen } from '../../../../src/cli/top/frame.ts';
import { screenOf, type TopData } from '../../../../src/cli/top/screen.ts';
import { Pen } from '../../../../src/cli/top/style.ts';
import { styleOf } from '../../../../src/cli/top/terminal.ts';
import { initialState, type TopState } from '../../../../src/cli/top/top-state.ts';
import { degradedView } from '../../../support/live-view.ts';

const ROWS = 24;
const data: TopData = {
  view: degradedView,
  ratesPerSecond: [1, 2, null, 4],
  latenciesMs: [8, 8, 8, 8],
  silentMs: 200,
  problem: undefined,
};

/** What happens one after the other on the same screen. */
const frames: readonly (Partial<TopState> & Partial<TopData>)[] = [
  {},
  { selected: 1 },
  { table: 'endpoints' },
  { isHelp: true },
  { table: 'processes', filter: 'gate', isTyping: true },
  { isPaused: true },
  { silentMs: 5000 },
  { view: undefined, problem: 'control does not answer' },
  { isBadOnly: true },
  {},
];

/** A terminal that is emulated to the cell. */
class Emulated {
  readonly #terminal: xterm.Terminal;

  constructor(columns: number) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows: ROWS, allowProposedApi: true, scrollback: 100 });
  }

  write(bytes: string): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(bytes, resolve));
  }

  lines(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from(
      { length: ROWS },
      (_, row) =>
        active
          .getLine(active.baseY + row)
          ?.translateToString(true)
          .trimEnd() ?? '',
    );
  }

  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  get scrolled(): number {
    return this.#terminal.buffer.active.baseY;
  }
}

// oxlint-disable-next-line no-control-regex -- the colors of a terminal
const withoutColors = (line: string): string => line.replaceAll(/\u001b\[[\d;]*m/g, '');

for (const term of ['xterm-256color', 'tmux-256color', 'screen', 'linux', 'dumb'])
  for (const locale of ['C.UTF-8', 'C'])
    for (const columns of [80, 120, 60])
      test(`rampart top on ${term}, ${locale}, ${columns} columns: each frame is on the screen to the cell, nothing scrolls, and the shell's screen comes back`, async () => {
        const pen = new Pen(styleOf({ TERM: term, LANG: locale }, undefined));
        const emulated = new Emulated(columns);
        await emulated.write('$ rampart top\r\n');
        const before = emulated.lines();
        await emulated.write(enterScreen);
        let shown: readonly string[] | undefined;
        for (const frame of frames) {
          const lines = screenOf({ ...data, ...frame }, { ...initialState, ...frame }, { columns, rows: ROWS }, pen);
          await emulated.write(frameChange(shown, lines));
          shown = lines;
          assert.deepEqual(
            emulated.lines(),
            lines.map((line) => withoutColors(line).trimEnd()),
          );
          assert.ok(emulated.isAlternate && emulated.scrolled === 0);
          // oxlint-disable-next-line no-control-regex -- what a terminal without UTF-8 would show as other letters
          if (locale === 'C' || term === 'dumb') assert.doesNotMatch(lines.join(''), /[^\u0000-\u007f]/);
        }
        await emulated.write(leaveScreen);
        assert.ok(!emulated.isAlternate);
        assert.deepEqual(emulated.lines(), before);
      });

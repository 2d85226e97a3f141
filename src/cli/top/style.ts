import type { HostVerdictState } from '../../protocol/live-view.ts';

/** What a terminal can show. */
export interface TerminalStyle {
  readonly isColored: boolean;
  /** Whether it shows characters beyond ASCII. */
  readonly isUnicode: boolean;
}

type Color = 'bold' | 'dim' | 'cyan' | 'yellow' | 'magenta' | 'red' | 'inverse';

const codes: Readonly<Record<Color, string>> = {
  bold: '1',
  dim: '2',
  red: '1;31',
  yellow: '33',
  magenta: '35',
  cyan: '36',
  inverse: '7',
};

/** Beside each color stand a symbol and a word, for those who see no colors. Red is for what is down. */
const states: Readonly<
  Record<HostVerdictState, { readonly color: Color; readonly symbol: string; readonly ascii: string }>
> = {
  well: { color: 'cyan', symbol: '●', ascii: '*' },
  degraded: { color: 'yellow', symbol: '▲', ascii: '!' },
  overloaded: { color: 'magenta', symbol: '■', ascii: '#' },
  down: { color: 'red', symbol: '✖', ascii: 'X' },
  'no-news': { color: 'dim', symbol: '◌', ascii: '?' },
};

const blocks = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;
const levels = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const asciiLevels = ['.', ':', '-', '=', '+', '*', '#', '@'] as const;

/** Writes what the terminal can show. */
export class Pen {
  readonly #style: TerminalStyle;

  constructor(style: TerminalStyle) {
    this.#style = style;
  }

  paint(text: string, color: Color | undefined): string {
    return color === undefined || !this.#style.isColored || text === ''
      ? text
      : `\u001b[${codes[color]}m${text}\u001b[0m`;
  }

  state(state: HostVerdictState): string {
    const { color, symbol, ascii } = states[state];
    return this.paint(`${this.#style.isUnicode ? symbol : ascii} ${state.toUpperCase()}`, color);
  }

  /** A bar of this many cells, filled by the share; 1 and more is full. */
  bar(share: number, cells: number): string {
    const eighths = Math.round(Math.min(1, Math.max(0, share)) * cells * 8);
    const color = share >= 0.9 ? 'magenta' : 'cyan';
    if (!this.#style.isUnicode) {
      const full = Math.round(eighths / 8);
      return `[${'#'.repeat(full)}${'.'.repeat(cells - full)}]`;
    }
    const full = Math.floor(eighths / 8);
    const part = blocks[eighths % 8] ?? '';
    const rest = cells - full - part.length;
    return this.paint(`${'█'.repeat(full)}${part}`, color) + this.paint('░'.repeat(rest), 'dim');
  }

  /** One cell for each value, as high as its part of the largest one; a space where none is known. */
  sparkline(values: readonly (number | null)[]): string {
    const most = Math.max(...values.map((value) => value ?? 0), 0);
    const steps = this.#style.isUnicode ? levels : asciiLevels;
    const text = values
      .map((value) =>
        value === null ? ' ' : (steps[most === 0 ? 0 : Math.min(7, Math.floor((value / most) * 7.999))] ?? ' '),
      )
      .join('');
    return this.paint(text, 'cyan');
  }

  /** Between two parts of a line. */
  get dot(): string {
    return this.#style.isUnicode ? ' · ' : ' - ';
  }

  get ellipsis(): string {
    return this.#style.isUnicode ? '…' : '~';
  }
}

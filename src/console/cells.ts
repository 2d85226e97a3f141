import { h, setAttribute, setText, setUse, svg } from './dom.ts';
import { sparkPath } from './format.ts';
import { Recent, SPARK_LENGTH } from './recent.ts';

/** What stands in a cell, and how it follows its row. */
export interface Cell<Row> {
  readonly content: Node;
  show(row: Row): void;
  /** Called each second, also while nobody sees the cell. */
  note?(row: Row): void;
}

export type MakeCell<Row> = () => Cell<Row>;

/** The name of a key, which its owner chose: up to 200 characters, and of any direction, so that it must not turn what follows. */
export const shownKeyName = (name: string): Node => h('bdi', { class: 'key-name' }, name);

export const textCell =
  <Row>(textOf: (row: Row) => string): MakeCell<Row> =>
  () => {
    const content = h('span');
    return { content, show: (row) => setText(content, textOf(row)) };
  };

/** A text with a bar behind it: how much of something is used. */
export const barCell =
  <Row>(useOf: (row: Row) => number | undefined, textOf: (row: Row) => string): MakeCell<Row> =>
  () => {
    const bar = h('span', { class: 'bar', 'aria-hidden': 'true' });
    const text = h('span');
    const content = h('span', { class: 'with-bar' }, text, bar);
    return {
      content,
      show(row) {
        const use = useOf(row);
        setUse(bar, use);
        bar.hidden = use === undefined;
        setText(text, textOf(row));
      },
    };
  };

/** A text with the line of its last minute. */
export const sparkCell =
  <Row>(valueOf: (row: Row) => number | undefined, textOf: (row: Row) => string): MakeCell<Row> =>
  () => {
    const path = svg('path', { class: 'line' });
    const spark = svg(
      'svg',
      { class: 'spark', viewBox: '0 0 72 18', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      path,
    );
    const text = h('span');
    const recent = new Recent();
    return {
      content: h('span', { class: 'with-spark' }, spark, text),
      note(row) {
        const value = valueOf(row);
        if (value !== undefined) recent.add(value);
      },
      show(row) {
        spark.toggleAttribute('hidden', valueOf(row) === undefined);
        setAttribute(path, 'd', sparkPath(recent.values, 72, 18, SPARK_LENGTH));
        setText(text, textOf(row));
      },
    };
  };

/** How a part is: a shape, a word, and a colour that repeats them. */
export interface PartState {
  readonly look: 'good' | 'quiet' | 'warning' | 'bad';
  readonly word: string;
  readonly detail?: string | undefined;
}

const shapes: Readonly<Record<PartState['look'], string>> = { good: '●', quiet: '◌', warning: '▲', bad: '✖' };

/** A state that does not change. */
export const stateMark = (
  { look, word }: Pick<PartState, 'look' | 'word'>,
  shape: string = shapes[look],
): HTMLElement =>
  h(
    'span',
    { class: 'state', 'data-look': look },
    h('span', { class: 'shape', 'aria-hidden': 'true' }, shape),
    ` ${word}`,
  );

export const stateCell =
  <Row>(stateOf: (row: Row) => PartState): MakeCell<Row> =>
  () => {
    const shape = h('span', { class: 'shape', 'aria-hidden': 'true' });
    const word = h('span');
    const detail = h('span', { class: 'detail' });
    const content = h('span', { class: 'state' }, shape, ' ', word, detail);
    return {
      content,
      show(row) {
        const state = stateOf(row);
        setAttribute(content, 'data-look', state.look);
        setText(shape, shapes[state.look]);
        setText(word, state.word);
        setText(detail, state.detail === undefined ? '' : ` ${state.detail}`);
      },
    };
  };

import { oneLine, shortened } from './harmless.ts';
import type { Gate, RunRecord } from './run-record.ts';

/** One of the two or three figures that matter, with what was promised of it. */
export interface KeyFigure {
  readonly label: string;
  readonly value: string;
  readonly promise?: string;
  readonly isKept?: boolean;
}

/** A run in one sentence, with its figures and what to do next. */
export interface Headline {
  readonly sentence: string;
  readonly figures: readonly KeyFigure[];
  readonly next: string;
}

export const missedOf = ({ gates }: Pick<RunRecord, 'gates'>): Gate[] => gates.filter(({ passed }) => !passed);

const MOST_MISSED = 2;

/** The gates that failed, in words: two of them, and how many there are beside these. */
export function missedText(missed: readonly Gate[]): string {
  const told = missed.slice(0, MOST_MISSED).map(({ name, got, expected }) => {
    const what = name === '' ? '' : `${short(name)}: `;
    const asked = expected === '' ? '' : ` (expected ${short(grouped(concerned(expected, got)))})`;
    return `${what}${short(grouped(got))}${asked}`;
  });
  const more = missed.length > MOST_MISSED ? `; and ${missed.length - MOST_MISSED} more` : '';
  return `${told.join('; ')}${more}`;
}

/** The missed ones of several conditions, by their first words, because a sentence has no room for all. */
function concerned(expected: string, got: string): string {
  const missed = expected.split(', ').filter((condition) => got.includes(condition.split(' ')[0] ?? condition));
  return missed.length === 0 ? expected : missed.join(', ');
}

/** A gate as a figure. */
export const gateFigure = ({ name, got, expected, passed }: Gate): KeyFigure => ({
  label: short(name),
  value: short(grouped(got)),
  promise: short(grouped(expected)),
  isKept: passed,
});

/** The gate with this name as a figure, if there is one. */
export const figureOfGate = ({ gates }: RunRecord, name: string, label = name): KeyFigure[] =>
  gates.filter((gate) => gate.name === name).map((gate) => ({ ...gateFigure(gate), label }));

/** Names come from files that others write: they may be long, or have line breaks. */
export const short = (text: string, most = 80): string => shortened(oneLine(text), most);

/** Long numbers as people read them: 133,132. */
export const grouped = (text: string): string =>
  text.replaceAll(/(?<![\w.])\d{5,12}(?![\w.]*\w)/g, (digits) => Number(digits).toLocaleString('en-US'));

/** Words with commas and an "and" between them. */
export function listed(words: readonly string[], most = 3): string {
  const told = words.length <= most ? words : [...words.slice(0, most - 1), `${words.length - most + 1} more`];
  return told.length < 2 ? (told[0] ?? '') : `${told.slice(0, -1).join(', ')} and ${told.at(-1)}`;
}

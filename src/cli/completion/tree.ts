import type { Command, CommandIo, CommandTable } from '../io.ts';
import { experiments } from '../lab.ts';
import type { CommandLine } from '../command-line.ts';

/** A place in a command line at which words can be completed. */
export interface CompletionNode {
  /** The words behind `rampart`; none for the command itself. */
  readonly words: readonly string[];
  readonly next: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly { readonly name: string; readonly takesValue: boolean }[];
}

/** The text by which the scripts know a position: each of its words behind a space. */
export const positionOf = (words: readonly string[]): string => words.map((word) => ` ${word}`).join('');

/** The places behind a command, quoted for a shell. */
export const knownPlaces = (nodes: readonly CompletionNode[]): string[] =>
  nodes.filter(({ words }) => words.length > 0).map(({ words }) => `'${positionOf(words)}'`);

/** The options behind which a value is typed, quoted for a shell: the place, a colon and the option. */
export const optionsWithValue = (nodes: readonly CompletionNode[]): string[] =>
  nodes.flatMap(({ words, options }) =>
    options.filter(({ takesValue }) => takesValue).map(({ name }) => `'${positionOf(words)}:--${name}'`),
  );

/** The completions of every command, as it declares them to the reader of its own command line. */
export async function completionTree(commands: CommandTable): Promise<readonly CompletionNode[]> {
  const nodes: CompletionNode[] = [
    { words: [], next: summaries(commands), options: [...withHelp({}), { name: 'version', takesValue: false }] },
  ];
  for (const [name, { load }] of Object.entries(commands)) nodes.push(...nodesOf([name], await lineOf(await load())));
  nodes.push({ words: ['lab'], next: summaries(experiments), options: withHelp({}) });
  for (const [name, { load }] of Object.entries(experiments))
    nodes.push(...nodesOf(['lab', name], await lineOf(await load())));
  return nodes;
}

const summaries = (table: CommandTable): CompletionNode['next'] =>
  Object.entries(table).map(([name, { summary }]) => ({ name, summary }));

function nodesOf(words: readonly string[], line: CommandLine | undefined): CompletionNode[] {
  if (line === undefined) return [];
  const { options = {}, subcommands = {}, words: operands = [] } = line;
  const names = Object.entries(subcommands);
  const next = [...names.map(([name]) => name), ...operands].map((name) => ({ name, summary: '' }));
  return [
    { words, next, options: names.length > 0 ? withHelp({}) : withHelp(options) },
    ...names.map(([name, taken]) => ({
      words: [...words, name],
      next: [],
      options: withHelp(Object.fromEntries(Object.entries(options).filter(([option]) => taken.includes(option)))),
    })),
  ];
}

const withHelp = (options: NonNullable<CommandLine['options']>): CompletionNode['options'] => [
  ...Object.entries(options).map(([name, kind]) => ({ name, takesValue: kind === 'value' })),
  { name: 'help', takesValue: false },
];

/** A command that is asked for its help declares its line and does nothing else. */
async function lineOf(command: Command): Promise<CommandLine | undefined> {
  let found: CommandLine | undefined;
  const silent = { write: () => true };
  const io: CommandIo = { stdout: silent, stderr: silent, env: {}, folder: '/', declared: (line) => (found = line) };
  await command(['--help'], io);
  return found;
}

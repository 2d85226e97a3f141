import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { variables } from '../config/environment.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { nearestName } from '../core/nearest-name.ts';
import type { CommandLine, OptionKind } from './command-line.ts';
import type { CommandIo } from './io.ts';

const DECIMAL = /^\d+(\.\d+)?$/;
const WHOLE = /^\d+$/;

function whyNotWritable(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return 'which is a folder';
  try {
    accessSync(found === undefined ? dirname(path) : path, constants.W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return `and there is no folder ${dirname(path)}`;
    return code === 'EACCES' ? 'which this user may not write' : messageOf(error);
  }
}

/** The options that were given. Wrong values are collected, and `check` reports all of them at once. */
export class Options {
  readonly operands: readonly string[];
  readonly #command: string;
  readonly #values: ReadonlyMap<string, string>;
  readonly #problems: string[];

  constructor(command: string, { values, operands, problems }: Parsed) {
    this.#command = command;
    this.#values = values;
    this.#problems = problems;
    this.operands = operands;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  flag(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** The path of a file that will be written when the work is done: it is looked at now whether it can be, as the work may take minutes. */
  newFile(name: string, folder: string): string | undefined {
    const given = this.#values.get(name);
    if (given === undefined) return undefined;
    const path = resolve(folder, given);
    const why = whyNotWritable(path);
    if (why !== undefined) this.problem(`--${name} must name a file that can be written: got '${given}', ${why}`);
    return path;
  }

  /** A decimal number within these limits. */
  number(name: string, byDefault: number, least: number, most: number): number {
    return this.#numeric(name, byDefault, { pattern: DECIMAL, kind: 'a number', least, most });
  }

  whole(name: string, byDefault: number, least: number, most: number): number {
    return this.#numeric(name, byDefault, { pattern: WHOLE, kind: 'a whole number', least, most });
  }

  /** Whole numbers with commas between them. */
  wholes(name: string, byDefault: readonly number[], least: number, most: number): readonly number[] {
    return (
      this.#values
        .get(name)
        ?.split(',')
        .map((text) => {
          const value = Number(text);
          if (/^\s*\d+\s*$/.test(text) && value >= least && value <= most) return value;
          this.problem(`--${name} must be whole numbers from ${least} to ${most}: got '${text}'`);
          return least;
        }) ?? byDefault
    );
  }

  oneOf<Name extends string>(name: string, byDefault: Name, names: readonly Name[]): Name {
    return this.#named(name, this.#values.get(name) ?? byDefault, names) ?? byDefault;
  }

  /** Names with commas between them. */
  listOf<Name extends string>(name: string, byDefault: readonly Name[], names: readonly Name[]): readonly Name[] {
    const texts = this.#values.get(name)?.split(',');
    return texts?.flatMap((text) => this.#named(name, text, names) ?? []) ?? byDefault;
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  /** Throws a UsageError if there is any problem. */
  check(): void {
    if (this.#problems.length === 0) return;
    throw new UsageError(
      `Cannot run rampart ${this.#command}; rampart ${this.#command} --help lists its options:`,
      this.#problems,
    );
  }

  #numeric(name: string, byDefault: number, { pattern, kind, least, most }: Numeric): number {
    const text = this.#values.get(name);
    if (text === undefined) return byDefault;
    const value = Number(text);
    if (pattern.test(text) && value >= least && value <= most) return value;
    this.problem(`--${name} must be ${kind} from ${least} to ${most}: got '${text}'`);
    return byDefault;
  }

  #named<Name extends string>(name: string, text: string, names: readonly Name[]): Name | undefined {
    const found = names.find((each) => each === text);
    if (found === undefined)
      this.problem(`--${name} must be one of ${names.join(', ')}: got '${text}'${guess(text, names)}`);
    return found;
  }
}

interface Numeric {
  readonly pattern: RegExp;
  readonly kind: string;
  readonly least: number;
  readonly most: number;
}

/** Reads a command line; prints the help and returns undefined where it asks for that. Every command uses this reader. */
export function readOptions(line: CommandLine, args: readonly string[], io: CommandIo): Options | undefined {
  io.declared?.(line);
  const parsed = parse(line, args);
  if (parsed.values.has('help')) {
    io.stdout.write(line.help);
    return undefined;
  }
  const options = new Options(line.command, parsed);
  options.check();
  return options;
}

interface Parsed {
  /** By name; the value of a flag is empty. */
  readonly values: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
  readonly problems: string[];
}

/** Node's parser finds the tokens; the messages are ours, as its own name neither the nearest option nor every problem. */
function parse({ command, options = {}, operands: taken }: CommandLine, args: readonly string[]): Parsed {
  const kinds: Readonly<Record<string, OptionKind>> = { ...options, help: 'flag' };
  const types = Object.entries(kinds).map(
    ([name, kind]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' }] as const,
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...Object.fromEntries(types), help: { type: 'boolean', short: 'h' } },
    strict: false,
    tokens: true,
  });
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value = '', inlineValue } = token;
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) problems.push(`there is no option ${rawName}${hint(name, Object.keys(kinds))}`);
    else if (kind === 'flag' && inlineValue === true) problems.push(`${rawName} takes no value: got '${value}'`);
    else if (kind !== 'flag' && inlineValue !== true && (token.value === undefined || /^-./.test(value)))
      problems.push(`${rawName} needs a value, as in ${rawName} X (${rawName}=-X for one that begins with a hyphen)`);
    else values.set(name, value);
  }
  const operands = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const { least, most, what } = taken ?? { least: 0, most: 0, what: 'no argument beside its options' };
  if (operands.length < least || operands.length > most)
    problems.push(`rampart ${command} takes ${what}: got '${operands.join(' ')}'`);
  return { values, operands, problems };
}

/** What may be meant by an option that does not exist: another one, or a setting, which is an environment variable. */
function hint(name: string, known: readonly string[]): string {
  const variable = name.toUpperCase().replaceAll('-', '_');
  const isSetting = Object.hasOwn(variables, variable);
  return isSetting ? `; the environment variable ${variable} sets that` : guess(name, known, '--');
}

/** A question that names the known name most like this one; empty where none is. */
export function guess(name: string, known: readonly string[], prefix = ''): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean ${prefix}${nearest}?`;
}

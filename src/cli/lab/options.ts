import { parseArgs } from 'node:util';
import { messageOf, UsageError } from '../../core/errors.ts';

type Kind = 'number' | 'text' | 'flag';

/** The options of an experiment; every problem is collected, and `check` tells them all at once. */
export interface Options {
  number(name: string, byDefault: number, least: number, most: number): number;
  text(name: string): string | undefined;
  flag(name: string): boolean;
  problem(text: string): void;
  check(): void;
}

export function readOptions(
  experiment: string,
  args: string[],
  kinds: Readonly<Record<string, Kind>>,
): Options | 'help' {
  const options = Object.fromEntries([
    ...Object.entries(kinds).map(([name, kind]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' }] as const),
    ['help', { type: 'boolean', short: 'h' }] as const,
  ]) as Record<string, { type: 'boolean' | 'string' }>;
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({ args, options, strict: true }));
  } catch (error) {
    throw new UsageError(`Cannot run lab ${experiment}: ${messageOf(error)}; --help tells more`);
  }
  if (values['help'] === true) return 'help';
  const problems: string[] = [];
  return {
    number(name, byDefault, least, most) {
      const text = values[name];
      if (typeof text !== 'string') return byDefault;
      const value = Number(text);
      if (/^\d+(\.\d+)?$/.test(text) && value >= least && value <= most) return value;
      problems.push(`--${name} must be a number from ${least} to ${most}: got '${text}'`);
      return byDefault;
    },
    text: (name) => values[name] as string | undefined,
    flag: (name) => values[name] === true,
    problem: (text) => void problems.push(text),
    check() {
      if (problems.length > 0) throw new UsageError(`Cannot run lab ${experiment}, as an option is wrong:`, problems);
    },
  };
}

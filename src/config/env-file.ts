import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';
import { variables } from './environment.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The environment with what the folder's `.env` adds; what is set already wins. */
export function withEnvFile(env: Env, folder: string): Env {
  let text: string;
  try {
    text = readFileSync(join(folder, '.env'), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EISDIR') return env;
    throw new UsageError(`Cannot read ${join(folder, '.env')}: ${messageOf(error)}. Make it readable, or remove it`);
  }
  const added = Object.entries(parseEnv(text)).filter(([name]) => (env[name] ?? '') === '');
  return { ...env, ...Object.fromEntries(added) };
}

/** Names that begin so are meant for Rampart. */
const OWN_PREFIX = /^(GATEWAY|GENERATOR|CALIBRATED|LEDGER)_/;
/** More changes than this make another name, not a mistyped one. */
const MOST_CHANGES = 4;

/** One sentence for each variable that looks like one of Rampart's and is none. */
export function unknownVariables(env: Env): string[] {
  const known = Object.keys(variables);
  return Object.keys(env)
    .filter((name) => OWN_PREFIX.test(name) && !known.includes(name))
    .map((name) => {
      const [nearest, changes] = known
        .map((candidate) => [candidate, editDistance(name, candidate)] as const)
        .reduce((best, each) => (each[1] < best[1] ? each : best));
      return `${name} is set, and Rampart has no such variable${changes <= MOST_CHANGES ? `: did you mean ${nearest}?` : ''}`;
    });
}

/** Levenshtein: the fewest insertions, deletions and replacements of a character. */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (above[column - 1] as number) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    above = current;
  }
  return above[to.length] as number;
}

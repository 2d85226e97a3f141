import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { codeOf, messageOf, UsageError } from '../core/errors.ts';
import { nearestName } from '../core/nearest-name.ts';
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

/** A remark on each variable whose name resembles one of Rampart's and is unknown. */
export function unknownVariables(env: Env): string[] {
  const known = Object.keys(variables);
  return Object.keys(env)
    .filter((name) => OWN_PREFIX.test(name) && !known.includes(name))
    .map((name) => {
      const nearest = nearestName(name, known);
      return `${name} is set, and Rampart has no such variable${nearest === undefined ? '' : `: did you mean ${nearest}?`}`;
    });
}

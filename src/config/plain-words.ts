import type { z } from 'zod';
import { nearestName } from '../core/nearest-name.ts';
import { isSecretAt } from './redaction.ts';

type Issue = z.core.$ZodRawIssue;

/**
 * The wording of a problem that a schema does not word itself: what the value must be, and what it got. Given to `safeParse`
 * as its `error`.
 */
export function inPlainWords(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownNames(issue.keys, knownNames(issue.inst));
    case 'invalid_type':
      return issue.input === undefined
        ? `is missing: it must be ${nounOf(issue.expected)}`
        : `must be ${nounOf(issue.expected)}: got ${got(issue.input)}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(got).join(', ')}: got ${got(issue.input)}`;
    case 'invalid_union':
      return unionText(issue);
    case 'too_small':
      return sizeText(issue, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return sizeText(issue, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'invalid_format':
      return `must ${issue.format === 'starts_with' ? `start with ${got(issue.prefix)}` : `have the form ${issue.pattern ?? issue.format}`}: got ${got(issue.input)}`;
    case 'invalid_key':
      return `is no name that can be used here: it ${issue.issues.map(({ message }) => message).join(', ')}`;
    default:
      return undefined;
  }
}

/**
 * The sentences of one issue, one for each unknown name. A check that words its problem itself says what the value must be;
 * what it got is added here.
 */
function sentencesOf({ code, message, input }: z.core.$ZodIssue): string[] {
  if (code === 'unrecognized_keys') return message.split(/; (?=there is no ')/);
  // A list or an object says nothing more in a line.
  const isComplete = input === undefined || typeof input === 'object' || / got |^is missing/.test(message);
  return [isComplete ? message : `${message}: got ${got(input)}`];
}

/** Every problem of a file, each with the path of its value; `whole` names the file's own value. A secret is not repeated. */
export function problemLines(issues: readonly z.core.$ZodIssue[], file: string, whole: string): string[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map(String).join('.');
    const shown = (text: string): string => (isSecretAt(path) ? text.replace(/: got .*$/s, HIDDEN_INPUT) : text);
    return sentencesOf(issue).map((text) => `${file}: ${path || whole}: ${shown(text)}`);
  });
}

const HIDDEN_INPUT = ': got a value that is not shown, because it may be secret';

type UnionIssue = Extract<Issue, { readonly code: 'invalid_union' }>;

/** The problem of the branch that was meant, if one can be told; else what each branch takes. */
function unionText({ errors, discriminator, inst, input }: UnionIssue): string {
  if (discriminator !== undefined) {
    return `must be one of ${kindsOf(inst, discriminator).map(got).join(', ')}: got ${got((input as Record<string, unknown>)[discriminator])}`;
  }
  const branches = errors.flatMap(([first]) => first ?? []);
  const meant = branches.find(({ code, path }) => path.length > 0 || !/^invalid_(?:type|value)$/.test(code));
  if (meant !== undefined) return [...meant.path.map(String), meant.message].join(': ');
  const texts = branches.map(({ message }) => message.replace(/: got .*$/s, ''));
  return `${texts.join(' or ').replaceAll(' or must be ', ' or ')}: got ${got(input)}`;
}

/** The values by which a discriminated union tells its branches apart. */
function kindsOf(schema: unknown, discriminator: string): unknown[] {
  const values = (schema as { _zod?: { propValues?: Readonly<Record<string, ReadonlySet<unknown>>> } } | undefined)
    ?._zod?.propValues;
  return [...(values?.[discriminator] ?? [])];
}

/** A sentence on each unknown name, with the nearest known name or all of them. */
function unknownNames(names: readonly string[], known: readonly string[]): string {
  return names
    .map((name) => {
      const nearest = nearestName(name, known);
      const hint = nearest === undefined ? `it takes ${known.join(', ')}` : `did you mean '${nearest}'?`;
      return `there is no '${name}' here${known.length === 0 ? '' : `; ${hint}`}`;
    })
    .join('; ');
}

const MOST_SHOWN = 80;
/** Without the credentials that a URL may have. */
const got = (input: unknown): string =>
  // JSON has no NaN.
  (typeof input === 'number' ? String(input) : (JSON.stringify(input) ?? String(input)))
    .replace(/(\/\/)[^/@"\s]*@/g, '$1***@')
    .slice(0, MOST_SHOWN);

const nouns: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};
const nounOf = (expected: string): string => nouns[expected] ?? `a ${expected}`;

function sizeText({ origin, input }: Issue & { origin: string }, bound: string, limit: number | bigint): string {
  if (origin === 'array')
    return `must have ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}: got ${Array.isArray(input) && input.length > 0 ? input.length : got(input)}`;
  return `must be ${bound} ${limit}${origin === 'string' ? ' characters long' : ''}: got ${got(input)}`;
}

function knownNames(schema: unknown): string[] {
  const shape = (schema as { _zod?: { def?: { shape?: Readonly<Record<string, unknown>> } } } | undefined)?._zod?.def
    ?.shape;
  return shape === undefined ? [] : Object.keys(shape);
}

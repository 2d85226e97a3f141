import type { z } from 'zod';
import type { FieldProblem } from './validate.ts';

type Issue = z.core.$ZodIssue;

/** The problems of one input that a schema has refused, field by field. */
export function fieldProblems(issue: Issue, input: unknown): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: key,
      rule: 'unknown-field',
      detail: `There is no field ${JSON.stringify(key)}`,
    }));
  }
  const field = issue.path.join('.');
  if (field === '') return [{ field, rule: 'type', detail: 'The body must be a JSON object' }];
  if (typeof input === 'object' && input !== null && !Object.hasOwn(input, field)) {
    return [{ field, rule: 'required', detail: `${field} is missing` }];
  }
  return [{ field, rule: ruleOf(issue), detail: `${field}: ${issue.message}` }];
}

function ruleOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_value':
      return 'one-of';
    case 'too_small':
    case 'too_big':
      return issue.origin === 'string' ? 'length' : 'range';
    case 'invalid_format':
    case 'invalid_union':
      return 'format';
    default:
      return 'type';
  }
}

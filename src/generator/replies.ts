import type { FieldProblem } from '../barcode/validate.ts';
import { PROBLEM_CONTENT_TYPE, problemBody } from '../core/problem.ts';
import type { RenderedImage } from './work.ts';

/** An answer without the headers that every answer has. */
export interface GeneratorReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Time spent rendering. */
  readonly busyMs: number;
  /** Whether the connection cannot go on after it. */
  readonly close?: boolean;
}

export function imageReply({ contentType, bytes }: RenderedImage, busyMs: number): GeneratorReply {
  return { status: 200, headers: { 'content-type': contentType }, body: bytes, busyMs };
}

export function jsonReply(status: number, content: unknown): GeneratorReply {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(content)),
    busyMs: 0,
  };
}

export function unencodable(errors: readonly FieldProblem[], busyMs = 0): GeneratorReply {
  const detail = errors.map((error) => error.detail).join('; ');
  return { ...problem(422, 'unencodable', 'The request cannot be encoded', detail, errors), busyMs };
}

/** `x-rampart-overloaded` shows a gateway that the generator is healthy, and only full. */
export function overloaded(reason: 'queue-full' | 'queue-timeout'): GeneratorReply {
  const detail =
    reason === 'queue-full' ? 'Every slot and every place in the queue is taken' : 'No slot came free in time';
  const reply = problem(503, 'overloaded', 'The generator is at its cap', detail);
  return { ...reply, headers: { ...reply.headers, 'retry-after': '1', 'x-rampart-overloaded': '1' } };
}

export const malformedJson = problem(
  400,
  'malformed-json',
  'The body is not JSON',
  'The body must be a JSON object in UTF-8',
);
export const notFound = problem(404, 'not-found', 'Not found', 'A generator answers POST /generate and GET /healthz');
export const failed = problem(500, 'internal', 'The generator failed', 'An error of the generator; its log has more');

export function tooLarge(limitBytes: number): GeneratorReply {
  return { ...problem(413, 'body-too-large', 'The body is too large', `At most ${limitBytes} bytes`), close: true };
}

export function wrongMethod(allow: string): GeneratorReply {
  const reply = problem(405, 'method-not-allowed', 'Method not allowed', `Use ${allow}`);
  return { ...reply, headers: { ...reply.headers, allow } };
}

function problem(
  status: number,
  reason: string,
  title: string,
  detail: string,
  errors?: readonly FieldProblem[],
): GeneratorReply {
  const body = Buffer.from(problemBody({ status, reason, title, detail, errors }));
  return { status, headers: { 'content-type': PROBLEM_CONTENT_TYPE }, body, busyMs: 0 };
}

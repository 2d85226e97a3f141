import { fileURLToPath } from 'node:url';

export interface ErrorPlace {
  readonly file: string;
  readonly line: number;
}

/** Node's stripping of types says `/path:line` (of an ES module its URL) before the code; a stack has `file:///path:line:column` in each frame. */
const patterns = [/^((?:file:\/\/)?\/.+):(\d+)$/, /^\s+at (?:.*\()?(file:\/\/\/.+?):(\d+):\d+\)?$/];

/** The position of an error in a user's code: the first frame of the stack that is neither Node's nor a package's. */
export function placeOf(error: unknown): ErrorPlace | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const text of stack.split('\n')) {
    const [, where, line] = patterns.map((pattern) => pattern.exec(text)).find((match) => match !== null) ?? [];
    if (where === undefined || where.includes('/node_modules/')) continue;
    return { file: where.startsWith('file:') ? fileURLToPath(where) : where, line: Number(line) };
  }
  return undefined;
}

import { hash } from 'node:crypto';
import type { Created } from './barcode-client.ts';

/** A row that is to be made: its request, and the file that it becomes. */
export interface Task {
  readonly row: number;
  readonly name: string;
  readonly request: Readonly<Record<string, unknown>>;
}

/** A row without an image. */
export interface FailedRow {
  readonly row: number;
  readonly text: string;
  readonly reason: string;
  readonly detail: string;
}

export interface GenerateRun {
  readonly made: number;
  readonly skipped: number;
  readonly failed: readonly FailedRow[];
  /** Why the run could not go on; undefined if it went to its end. */
  readonly ended: string | undefined;
}

/** How far a run is: `ended` without the rows that an earlier run has made. */
export interface RowsDone {
  readonly done: number;
  readonly failed: number;
  readonly ended: number;
}

export interface GenerateOptions {
  readonly tasks: readonly Task[];
  readonly parallel: number;
  readonly output: { has(name: string): boolean; write(name: string, bytes: Uint8Array): void };
  create(request: unknown, idempotencyKey: string): Promise<Created>;
  /** After each row. */
  onProgress(state: RowsDone): void;
}

/** Makes the rows that have no file yet, several at a time; the order of their ends is any. */
export async function generateRows({
  tasks,
  parallel,
  output,
  create,
  onProgress,
}: GenerateOptions): Promise<GenerateRun> {
  const failed: FailedRow[] = [];
  let made = 0;
  let skipped = 0;
  let endedFor: string | undefined;
  let next = 0;
  const runner = async (): Promise<void> => {
    for (let task = tasks[next++]; task !== undefined && endedFor === undefined; task = tasks[next++]) {
      if (output.has(task.name)) skipped++;
      else {
        const created = await create(task.request, keyOf(task));
        if (created.kind === 'end') {
          endedFor ??= created.detail;
          return;
        }
        if (created.kind === 'image') {
          output.write(task.name, created.bytes);
          made++;
        } else failed.push(failedRow(task, created));
      }
      const ended = made + failed.length;
      onProgress({ done: ended + skipped, failed: failed.length, ended });
    }
  };
  await Promise.all(Array.from({ length: parallel }, runner));
  return { made, skipped, failed: failed.sort((left, right) => left.row - right.row), ended: endedFor };
}

const failedRow = ({ row, request }: Task, { reason, detail }: Extract<Created, { kind: 'refused' }>): FailedRow => ({
  row,
  text: String(request['text']),
  reason,
  detail,
});

/** The same row of the same list is made once, also by a run that takes up an earlier one. */
const keyOf = ({ row, request }: Task): string => hash('sha256', JSON.stringify([row, request]));

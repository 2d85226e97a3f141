import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ClosedLoopResult {
  /** Replies with a status below 400, a second. */
  readonly goodput: number;
  /** Of all replies. */
  readonly refused: number;
  readonly errors: number;
}

/** A closed loop without back-off: each connection asks again as soon as it is answered, whatever the answer is. */
export async function wrk(
  url: string,
  connections: number,
  { seconds, headers = [] }: { readonly seconds: number; readonly headers?: readonly string[] },
): Promise<ClosedLoopResult> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s'];
  for (const header of headers) args.push('-H', header);
  const { stdout } = await run('wrk', [...args, url], { timeout: (seconds + 20) * 1000 });
  const total = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const elapsed = Number(/requests in ([\d.]+)s/.exec(stdout)?.[1] ?? seconds);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? [];
  return {
    goodput: (total - refused) / elapsed,
    refused: total === 0 ? 0 : refused / total,
    errors: errors.reduce((sum, count) => sum + Number(count), 0),
  };
}

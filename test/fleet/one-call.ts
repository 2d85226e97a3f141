import { type Agent, request } from 'node:http';
import { machineNowMs } from '../../src/core/machine-time.ts';
import type { Interval } from './checkers/cap.ts';

/** A request of a client, from its first byte to the last of the reply. */
export interface Call extends Interval {
  /** The status, or the code of the error in place of a reply. */
  readonly outcome: number | string;
  /** The reason of a refusal. */
  readonly reason?: string;
}

/** A call without an answer for this long has failed. */
const PATIENCE_MS = 8000;

/** Sends one request, once. Never rejects. */
export function oneCall(url: string, agent: Agent): Promise<Call> {
  const startMs = machineNowMs();
  return new Promise((resolve) => {
    const end = (outcome: number | string, reason?: string): void =>
      resolve({ startMs, endMs: machineNowMs(), outcome, ...(reason !== undefined && { reason }) });
    const sent = request(url, { agent, timeout: PATIENCE_MS }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (chunk: string) => (text += chunk));
      reply.on('end', () => end(reply.statusCode ?? 0, reasonOf(text)));
      reply.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    });
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('No answer'), { code: 'TIMEOUT' })));
    sent.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    sent.end();
  });
}

const reasonOf = (text: string): string | undefined => /"reason":\s*"([\w-]+)"/.exec(text)?.[1];

import { Agent, request } from 'undici';
import { codeOf, messageOf } from '../../core/errors.ts';
import { replyConnector } from '../load/reply-connector.ts';

/** A single request of the lab, beside the load. */
export interface Question {
  readonly method?: string;
  /** Joined to the origin, so that no reply can send the key elsewhere. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

const LIMIT_MS = 5000;
const MOST_BYTES = 8 * 1024 * 1024;

/** Asks once, follows no redirect, and verifies certificates as the load does. Rejects with a reason that can be acted on. */
export async function ask(
  target: { readonly url: string; readonly insecure?: boolean },
  question: Question,
): Promise<HttpAnswer> {
  const { method = 'GET', path, headers = {}, body } = question;
  const dispatcher = new Agent({
    connect: replyConnector(LIMIT_MS, target.insecure),
    headersTimeout: LIMIT_MS,
    bodyTimeout: LIMIT_MS,
    maxResponseSize: MOST_BYTES,
  });
  try {
    const reply = await request(`${target.url}${path}`, {
      method: method as 'GET',
      headers,
      dispatcher,
      ...(body === undefined ? {} : { body }),
    });
    return { status: reply.statusCode, headers: reply.headers, text: await reply.body.text() };
  } catch (error) {
    throw new Error(`Cannot reach ${target.url}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await dispatcher.destroy();
  }
}

const certificate = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECODE))/;

/** The error codes of a failed connection; several if a name has several addresses. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(reasonOf))].join('; ');
  const code = codeOf(error) ?? '';
  if (!certificate.test(code)) return messageOf(error);
  return `its TLS certificate cannot be trusted: ${messageOf(error)} (${code}). Name its authority in NODE_EXTRA_CA_CERTS, or give --insecure to send the load and the key all the same`;
}

/** Whether the connection came about, and only the answer did not. */
export const isSilence = (error: unknown): boolean =>
  error instanceof Error && /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(codeOf(error.cause) ?? '');

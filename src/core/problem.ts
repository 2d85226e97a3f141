/** The content type of RFC 9457. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

export interface Problem {
  readonly status: number;
  /** Stable, for programs. */
  readonly reason: string;
  readonly title: string;
  readonly detail: string;
  readonly requestId?: string | undefined;
  /** The faults of the request, field by field. */
  readonly errors?: readonly unknown[] | undefined;
}

/** The body of a problem reply (RFC 9457), as every process of Rampart writes it. */
export function problemBody({ status, reason, title, detail, requestId, errors }: Problem): string {
  // JSON leaves out what is undefined.
  return JSON.stringify({
    type: `urn:rampart:problem:${reason}`,
    title,
    status,
    detail,
    reason,
    request_id: requestId,
    errors,
  });
}

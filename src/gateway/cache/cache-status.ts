/** Why a request went on towards a backend (RFC 9211 §2.2). */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale';

/** RFC 9211, for a reply that went on towards a backend. */
export interface ForwardedStatus {
  readonly reason: ForwardReason;
  readonly status?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly detail?: string;
}

export function forwardedStatus({ reason, status, stored, collapsed, detail }: ForwardedStatus): string {
  let text = `Rampart; fwd=${reason}`;
  if (status !== undefined) text += `; fwd-status=${status}`;
  if (stored === true) text += '; stored';
  if (collapsed === true) text += '; collapsed';
  return detail === undefined ? text : `${text}; detail=${detail}`;
}

/** `ttlSeconds`: the remaining freshness; below zero for a stale reply. */
export function hitStatus(ttlSeconds: number, detail?: string): string {
  return `Rampart; hit; ttl=${ttlSeconds}${detail === undefined ? '' : `; detail=${detail}`}`;
}

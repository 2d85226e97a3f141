import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import type { AdminProblem } from './admin-change.ts';
import { type AdminRole, AdminSessions } from './admin-sessions.ts';
import { type AdminTokens, TokenJudge } from './admin-tokens.ts';

/** Who sends a request, as far as it has been proved. */
export interface AdminCaller {
  /** Undefined if nothing was proved, and a token is needed. */
  readonly role: AdminRole | undefined;
}

const SIGN_IN_NEEDED: AdminProblem = {
  status: 401,
  reason: 'unauthenticated',
  detail: 'the admin API takes Authorization: Bearer with ADMIN_TOKEN, or with ADMIN_READ_TOKEN to read',
};

/** Decides who may do what with the admin API: by bearer token, by the session of a browser, or by being on this machine. */
export class AdminAccess {
  readonly isOpen: boolean;
  readonly sessions: AdminSessions;
  readonly #judge: TokenJudge;

  constructor(clock: Clock, tokens: AdminTokens) {
    this.isOpen = tokens.token === undefined;
    this.sessions = new AdminSessions(clock);
    this.#judge = new TokenJudge(clock, tokens);
  }

  /** Who asks, or why the request is refused whatever it asks for. */
  callerOf(req: IncomingMessage): AdminCaller | AdminProblem {
    if (this.isOpen) return foreignName(req) ?? foreignPage(req, false) ?? { role: 'admin' };
    const presented = /^bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
    if (presented === undefined) {
      const secret = this.secretOf(req);
      const role = secret === undefined ? undefined : this.sessions.roleOf(secret);
      return foreignPage(req, role !== undefined) ?? { role };
    }
    const role = this.judge(presented, req);
    return typeof role === 'string' ? (foreignPage(req, false) ?? { role }) : role;
  }

  /** Undefined if this caller may use a path by this method. */
  refusalFor({ role }: AdminCaller, method: string): AdminProblem | undefined {
    if (role === undefined) return SIGN_IN_NEEDED;
    if (role === 'admin' || isRead(method)) return undefined;
    return { status: 403, reason: 'forbidden', detail: 'ADMIN_READ_TOKEN only reads; a change takes ADMIN_TOKEN' };
  }

  judge(token: string, req: IncomingMessage): AdminRole | AdminProblem {
    return this.#judge.judge(token, req.socket.remoteAddress);
  }

  /** The secret of the browser's session. */
  secretOf(req: IncomingMessage): string | undefined {
    const prefix = `${cookieName(req)}=`;
    const found = req.headers.cookie?.split(';').find((one) => one.trim().startsWith(prefix));
    return found?.trim().slice(prefix.length);
  }
}

/** With the port, because browsers share cookies between the ports of a host. */
export const cookieName = (req: IncomingMessage): string => `rampart_session_${req.socket.localPort ?? 0}`;

/** Who asks, as far as it can be told, for the log of changes. */
export function whoAsks({ headers, socket }: IncomingMessage): string {
  const isPage = headers.authorization === undefined && (headers['sec-fetch-site'] ?? headers.origin) !== undefined;
  return `${isPage ? 'console' : 'admin API'}, ${socket?.remoteAddress ?? 'unknown'}`;
}

const isRead = (method: string | undefined): boolean => method === 'GET' || method === 'HEAD';

/**
 * Without a token the listener is on loopback. A web page of another site could still reach it through a name that
 * resolves to this address (DNS rebinding); the Host header of such a request has that name.
 */
function foreignName(req: IncomingMessage): AdminProblem | undefined {
  const host = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(req.headers.host ?? '')?.[1] ?? '';
  if (isLoopbackHost(host)) return undefined;
  return {
    status: 403,
    reason: 'forbidden',
    detail: 'without ADMIN_TOKEN the admin API answers to loopback names only',
  };
}

/**
 * A browser says with every change from where it comes. Programs send neither field, so their absence is accepted, but
 * for a session: only a browser has one. Another port of this machine is another origin, although it gets the cookie.
 */
function foreignPage(req: IncomingMessage, isBySession: boolean): AdminProblem | undefined {
  if (isRead(req.method)) return undefined;
  const { origin, host, 'sec-fetch-site': site } = req.headers;
  const isOwn =
    site === undefined
      ? origin === undefined
        ? !isBySession
        : URL.canParse(origin) && new URL(origin).host === host
      : site === 'same-origin';
  if (isOwn) return undefined;
  return { status: 403, reason: 'forbidden', detail: 'a page of another origin may change nothing here' };
}

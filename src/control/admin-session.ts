import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { type AdminAccess, type AdminCaller, cookieName } from './admin-access.ts';
import type { AdminProblem } from './admin-change.ts';
import { badBody, readJsonChange } from './admin-config.ts';
import { replyProblem, replyValue } from './admin-reply.ts';
import { AdminSessions } from './admin-sessions.ts';

const signInBody = z.strictObject({ token: z.string().min(1).max(1000) });

/** /api/session: GET says who one is, POST turns a token into a cookie, DELETE signs out. None needs a token. */
export async function answerSession(
  access: AdminAccess,
  caller: AdminCaller,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  if (req.method === 'DELETE') return signOut(access, req, res);
  if (req.method !== 'POST') return replyValue(res, { role: caller.role ?? null, sign_in_needed: !access.isOpen });
  const problem = await signIn(access, req, res);
  if (problem === undefined) return undefined;
  if (!req.complete) res.setHeader('connection', 'close');
  return replyProblem(res, problem);
}

async function signIn(
  access: AdminAccess,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<AdminProblem | undefined> {
  const body = await readJsonChange(req);
  if ('problem' in body) return body.problem;
  const parsed = signInBody.safeParse(body.value);
  if (!parsed.success) return badBody('the body must be JSON such as {"token":"…"}');
  const role = access.isOpen ? 'admin' : access.judge(parsed.data.token.trim(), req);
  if (typeof role !== 'string') return role;
  if (!access.isOpen) {
    const before = access.secretOf(req);
    if (before !== undefined) access.sessions.end(before);
    setCookie(req, res, access.sessions.open(role), AdminSessions.lifetimeMs / 1000);
  }
  replyValue(res, { role, sign_in_needed: !access.isOpen });
  return undefined;
}

function signOut(access: AdminAccess, req: IncomingMessage, res: ServerResponse): void {
  const secret = access.secretOf(req);
  if (secret !== undefined) access.sessions.end(secret);
  setCookie(req, res, '', 0);
  replyValue(res, { role: null, sign_in_needed: !access.isOpen });
}

function setCookie(req: IncomingMessage, res: ServerResponse, secret: string, maxAgeSeconds: number): void {
  // Behind a proxy that speaks TLS; over plain HTTP a browser would drop a cookie that is marked so.
  const secure = req.headers.origin?.startsWith('https:') === true ? '; Secure' : '';
  const cookie = `${cookieName(req)}=${secret}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
  res.setHeader('set-cookie', cookie);
}

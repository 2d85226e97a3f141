import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, test } from 'node:test';
import { AdminAccess } from '../../../src/control/admin-access.ts';
import { isProblem } from '../../../src/control/admin-change.ts';
import { AdminSessions } from '../../../src/control/admin-sessions.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const token = 'a'.repeat(16);
const readToken = 'r'.repeat(16);

const request = (headers: Record<string, string>, method = 'GET', remoteAddress = '192.0.2.1'): IncomingMessage =>
  ({
    method,
    headers: { host: 'admin.example:8081', ...headers },
    socket: { remoteAddress, localPort: 8081 },
  }) as unknown as IncomingMessage;

const bearer = (value: string): Record<string, string> => ({ authorization: `Bearer ${value}` });

/** The status that a request ends with before it is answered; 200 if it may go on. */
function statusOf(access: AdminAccess, req: IncomingMessage): number {
  const caller = access.callerOf(req);
  if (isProblem(caller)) return caller.status;
  return access.refusalFor(caller, req.method ?? '')?.status ?? 200;
}

describe('AdminAccess with tokens', () => {
  test('ADMIN_TOKEN changes, ADMIN_READ_TOKEN reads, no token does neither', () => {
    const access = new AdminAccess(new ManualClock(), { token, readToken });
    const statuses = (headers: Record<string, string>): number[] =>
      ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].map((method) => statusOf(access, request(headers, method)));
    assert.deepEqual(statuses(bearer(token)), [200, 200, 200, 200, 200]);
    assert.deepEqual(statuses(bearer(readToken)), [200, 200, 403, 403, 403]);
    assert.deepEqual(statuses({}), [401, 401, 401, 401, 401]);
    assert.deepEqual(statuses(bearer('x'.repeat(16))), [401, 401, 401, 401, 401]);
    assert.deepEqual(statuses({ authorization: `Basic ${token}` }), [401, 401, 401, 401, 401]);
  });

  test('a session reads and changes as its token did, and a change by it needs the origin of this listener', () => {
    const access = new AdminAccess(new ManualClock(), { token, readToken });
    const cookie = { cookie: `other=1; rampart_session_8081=${access.sessions.open('admin')}` };
    const own = { ...cookie, origin: 'http://admin.example:8081' };
    assert.equal(statusOf(access, request(cookie)), 200);
    assert.equal(statusOf(access, request(own, 'POST')), 200);
    assert.equal(statusOf(access, request(cookie, 'POST')), 403);
    assert.equal(statusOf(access, request({ ...cookie, 'sec-fetch-site': 'same-origin' }, 'POST')), 200);
    for (const site of ['same-site', 'cross-site', 'none'])
      assert.equal(statusOf(access, request({ ...own, 'sec-fetch-site': site }, 'POST')), 403, site);
    for (const origin of ['http://admin.example:3000', 'http://evil.example', 'null', ''])
      assert.equal(statusOf(access, request({ ...cookie, origin }, 'POST')), 403, origin);
    const reader = { cookie: `rampart_session_8081=${access.sessions.open('reader')}`, origin: own.origin };
    assert.equal(statusOf(access, request(reader)), 200);
    assert.equal(statusOf(access, request(reader, 'POST')), 403);
  });

  test('the cookie of a listener on another port of the host is not its own', () => {
    const access = new AdminAccess(new ManualClock(), { token, readToken });
    assert.equal(statusOf(access, request({ cookie: `rampart_session_9081=${access.sessions.open('admin')}` })), 401);
  });

  test('who tries many tokens is stopped, also with a right one, until some time has passed; others are not', () => {
    const clock = new ManualClock();
    const access = new AdminAccess(clock, { token, readToken });
    for (let tried = 0; tried < 20; tried++) assert.equal(statusOf(access, request(bearer(`wrong-${tried}`))), 401);
    const stopped = access.callerOf(request(bearer(token)));
    assert.ok(isProblem(stopped) && stopped.status === 429 && (stopped.retryAfterSeconds ?? 0) >= 1);
    assert.equal(statusOf(access, request(bearer(token), 'GET', '192.0.2.2')), 200);
    const cookie = { cookie: `rampart_session_8081=${access.sessions.open('admin')}` };
    assert.equal(statusOf(access, request(cookie)), 200);
    clock.advance(1000);
    assert.equal(statusOf(access, request(bearer(token))), 200);
  });

  test('addresses of one IPv6 network count as one', () => {
    const access = new AdminAccess(new ManualClock(), { token, readToken });
    for (let tried = 0; tried < 20; tried++) statusOf(access, request(bearer('wrong'), 'GET', `2001:db8::${tried}`));
    assert.equal(statusOf(access, request(bearer(token), 'GET', '2001:db8::ffff')), 429);
  });
});

describe('AdminAccess without tokens', () => {
  const open = (): AdminAccess => new AdminAccess(new ManualClock(), { token: undefined, readToken: undefined });

  test('everyone on this machine may do everything, under a name of this machine', () => {
    for (const host of ['127.0.0.1:8081', 'localhost', '[::1]:8081']) {
      assert.equal(statusOf(open(), request({ host })), 200, host);
      assert.equal(statusOf(open(), request({ host }, 'POST')), 200, host);
    }
    for (const host of ['evil.example:8081', '']) assert.equal(statusOf(open(), request({ host })), 403, host);
  });

  test('a page changes something only from the origin of this listener; another port is another origin', () => {
    const post = (headers: Record<string, string>): number =>
      statusOf(open(), request({ host: '127.0.0.1:8081', ...headers }, 'POST'));
    assert.equal(post({ origin: 'http://127.0.0.1:8081' }), 200);
    assert.equal(post({ origin: 'http://127.0.0.1:8081', 'sec-fetch-site': 'same-origin' }), 200);
    assert.equal(post({ origin: 'http://localhost:3000' }), 403);
    assert.equal(post({ origin: 'http://evil.example' }), 403);
    assert.equal(post({ origin: 'null' }), 403);
    assert.equal(post({ 'sec-fetch-site': 'cross-site' }), 403);
  });
});

describe('AdminSessions', () => {
  test('a session ends after twelve hours, or when its browser signs out', () => {
    const clock = new ManualClock();
    const sessions = new AdminSessions(clock);
    const [first, second] = [sessions.open('admin'), sessions.open('reader')];
    assert.deepEqual([sessions.roleOf(first), sessions.roleOf(second)], ['admin', 'reader']);
    sessions.end(first);
    assert.equal(sessions.roleOf(first), undefined);
    clock.advance(AdminSessions.lifetimeMs - 1);
    assert.equal(sessions.roleOf(second), 'reader');
    clock.advance(1);
    assert.equal(sessions.roleOf(second), undefined);
  });

  test('there are at most a hundred: a further one ends the oldest', () => {
    const sessions = new AdminSessions(new ManualClock());
    const secrets = Array.from({ length: 101 }, () => sessions.open('reader'));
    assert.equal(new Set(secrets).size, 101);
    assert.deepEqual(secrets.map((secret) => sessions.roleOf(secret)).filter((role) => role === undefined).length, 1);
    assert.equal(sessions.roleOf(secrets[0] as string), undefined);
  });
});

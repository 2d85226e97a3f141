import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../../src/core/errors.ts';
import { Session, sessionConfig, type SessionTerms } from '../../../src/store/session.ts';

const terms: SessionTerms = {
  url: 'postgresql://u:p@h/d',
  applicationName: 'test',
  connectMs: 1000,
  statementMs: 5000,
};
const firstMessage = (more: Partial<SessionTerms> = {}): Record<string, unknown> =>
  new Session(sessionConfig({ ...terms, ...more })).getStartupConf();

test('the settings of a session are in its first message', () => {
  assert.deepEqual(firstMessage(), {
    user: 'u',
    database: 'd',
    application_name: 'test',
    TimeZone: 'UTC',
    statement_timeout: '5000',
    idle_in_transaction_session_timeout: '30000',
  });
  assert.equal(firstMessage({ url: `${terms.url}?schema=till` })['search_path'], '"till"');
  assert.equal(firstMessage({ statementMs: undefined })['statement_timeout'], '0', 'whatever the role has');
});

test('behind a pooler there are only settings that PgBouncer takes', () => {
  assert.deepEqual(firstMessage({ isPooled: true }), {
    user: 'u',
    database: 'd',
    application_name: 'test',
    TimeZone: 'UTC',
  });
});

test('a schema that Prisma could not write is refused', () => {
  for (const schema of ['a%22b', '', 'x'.repeat(64)])
    assert.throws(() => sessionConfig({ ...terms, url: `${terms.url}?schema=${schema}` }), UsageError);
});

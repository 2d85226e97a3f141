import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Members } from '../../../src/control/members.ts';
import { lineOf, memberExamples } from '../../support/messages.ts';
import { eventually } from '../../support/raw.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-members-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('Members ignores a message of an unknown type, counts it, and closes the connection of a malformed one', async () => {
  const events: string[] = [];
  const members = new Members(
    {
      joined: () => events.push('joined'),
      left: () => events.push('left'),
      reported: () => events.push('reported'),
      keysChanged: () => events.push('keys-changed'),
      asked: () => events.push('asked'),
      said: (_, { type }) => events.push(type),
      unknown: () => events.push('unknown'),
      bug: (error) => events.push(String(error)),
    },
    { now: () => 0 },
  );
  const path = join(folder, 'c.sock');
  await members.listen(path);
  const socket = connect(path);
  socket.on('error', () => {});
  socket.write(`${lineOf(memberExamples.hello)}{"type":"later"}\n${lineOf(memberExamples.withdraw)}`);
  await eventually('the message behind it', () => events.length === 3);
  assert.deepEqual(events, ['joined', 'unknown', 'withdraw']);
  socket.write('{"type":"held"}\n');
  await eventually('the end of the connection', () => events.length === 4);
  assert.equal(events.at(-1), 'left');
  socket.destroy();
  await members.close();
});

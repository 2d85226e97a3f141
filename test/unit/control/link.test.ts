import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ControlLink, tellControl } from '../../../src/control/link.ts';
import { renderPrometheus } from '../../../src/metrics/exposition.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { eventually } from '../../support/raw.ts';
import { quietInstruments } from '../../support/instruments.ts';
import { controlExamples, lineOf, memberExamples } from '../../support/messages.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-link-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Takes connections and reads nothing, as a control that is stopped. */
async function listenSilently(path: string): Promise<{ server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  return { server, sockets };
}

test('tellControl tells a control that is silent from one that is not there', async () => {
  const path = join(folder, 'silent.sock');
  assert.equal(await tellControl(path, { type: 'ping' }), 'absent');
  const { server, sockets } = await listenSilently(path);
  assert.equal(await tellControl(path, { type: 'ping' }), 'silent');
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('ControlLink sends no report while control does not read', async () => {
  const path = join(folder, 'stuck.sock');
  const { server, sockets } = await listenSilently(path);
  const clock = new ManualClock();
  let reports = 0;
  const status = (): string => {
    reports++;
    return 'x'.repeat(100_000);
  };
  const hello = {
    type: 'hello',
    member: 'm',
    role: 'gateway',
    instance: 0,
    pid: 1,
    version: '0',
    startedAtMs: 0,
  } as const;
  const link = new ControlLink({
    socketPath: path,
    hello,
    ...quietInstruments(),
    clock,
    random: () => 0.5,
    status,
  });
  await eventually('connected', () => reports > 0 && sockets.length === 1);
  // The kernel takes some of them, and then no more.
  for (let second = 0; second < 100; second++) clock.advance(1000);
  const written = reports;
  assert.ok(written < 100, `${written} reports`);
  clock.advance(10_000);
  assert.equal(reports, written);
  for (const socket of sockets) socket.destroy();
  await link.close();
  server.close();
});

test('ControlLink ignores a message of an unknown type, counts it, and keeps its connection', async () => {
  const path = join(folder, 'later.sock');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(`{"type":"later"}\n${lineOf(controlExamples['keys-changed'])}`);
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  const instruments = quietInstruments();
  const received: string[] = [];
  const link = new ControlLink({
    socketPath: path,
    hello: memberExamples.hello,
    ...instruments,
    clock: new ManualClock(),
    random: () => 0.5,
    status: () => ({}),
    onMessage: ({ type }) => received.push(type),
  });
  await eventually('the next message', () => received.length > 0);
  assert.deepEqual([received, sockets.length, sockets[0]?.readyState], [['keys-changed'], 1, 'open']);
  assert.match(renderPrometheus(instruments.registry.snapshot()), /^rampart_unknown_messages_total 1$/m);
  for (const socket of sockets) socket.destroy();
  await link.close();
  server.close();
});

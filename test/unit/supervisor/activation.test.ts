import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activatedSockets } from '../../../src/supervisor/activation.ts';
import type { HostListener } from '../../../src/supervisor/host-listeners.ts';

const listener = (name: HostListener['name']): HostListener => ({ name, port: 1, setting: 'PORT', descriptor: 'X' });
const all = [listener('public'), listener('tls'), listener('proxy')];
const of = (count: string, names?: string): Record<string, string> => ({
  LISTEN_PID: '7',
  LISTEN_FDS: count,
  ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
});

test('activatedSockets sorts sockets by their names', () => {
  assert.deepEqual(activatedSockets(of('4', 'public:tls:public:proxy'), 7, all, 2), {
    sockets: { public: [3, 5], tls: [4], proxy: [6] },
    problems: [],
  });
});

test('activatedSockets gives sockets without a known name to the public listener', () => {
  assert.deepEqual(activatedSockets(of('2', 'rampart.socket:rampart.socket'), 7, all, 2).sockets, { public: [3, 4] });
  assert.deepEqual(activatedSockets(of('1'), 7, all, 2).sockets, { public: [3] });
});

test('activatedSockets takes nothing that was meant for another process, or that is no number', () => {
  for (const [env, pid] of [
    [of('1'), 8],
    [of('two'), 7],
    [of('0'), 7],
    [{ LISTEN_FDS: '1' }, 7],
    [{}, 7],
  ] as const)
    assert.deepEqual(activatedSockets(env, pid, all, 2), { sockets: {}, problems: [] });
});

test('activatedSockets names every problem', () => {
  const { problems } = activatedSockets(of('5', 'public:public:public:tls:web'), 7, [listener('public')], 2);
  assert.deepEqual(problems, [
    "FileDescriptorName of a socket must be one of public, tls, proxy: got 'web'",
    'GATEWAY_WORKERS must be at least the number of sockets named public, as nobody would accept on the others: got 2 for 3',
    'a socket is named tls, and no setting opens that listener',
  ]);
});

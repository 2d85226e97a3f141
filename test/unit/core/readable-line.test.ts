import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readableLine } from '../../../src/core/readable-line.ts';

const withoutTime = (text: string): string => text.replace(/^\d\d:\d\d:\d\d\.\d{3} /, '');

test('readableLine shows a line of the log with its fields', () => {
  const line = JSON.stringify({
    level: 40,
    time: 0,
    role: 'gateway',
    instance: 1,
    pid: 7,
    endpoint: 'app',
    ms: 3,
    msg: 'slow',
  });
  assert.equal(withoutTime(readableLine(line, false)), 'WARN  gateway 1 slow endpoint=app ms=3\n');
});

test('readableLine shows a stack below its line', () => {
  const line = JSON.stringify({
    level: 50,
    time: 0,
    role: 'control',
    instance: 0,
    err: { stack: 'Error: x\n    at y' },
    msg: 'bug',
  });
  assert.equal(withoutTime(readableLine(line, false)), 'ERROR control 0 bug\nError: x\n    at y\n');
});

test('readableLine shows a request, and leaves out what it has not', () => {
  const request = { timestamp: '2026-01-01T00:00:00.000Z', 'http.request.method': 'GET', 'url.path': '/a' };
  const line = JSON.stringify({ ...request, 'http.response.status_code': 200, 'rampart.duration_ms': 1.5 });
  assert.equal(withoutTime(readableLine(line, false)), '200 GET /a 1.5 ms\n');
  assert.ok(readableLine(line, true).includes('\u001b[32m200\u001b[0m'));
});

test('readableLine lets no control character through to the terminal', () => {
  const line = JSON.stringify({ level: 30, time: 0, role: 'x', instance: 0, msg: 'a\u001b[2J\nb\u009b1m' });
  assert.equal(withoutTime(readableLine(line, false)), 'INFO  x 0 a\\x1b[2J b\\x9b1m\n');
});

test('readableLine passes on what is no JSON', () => {
  assert.equal(readableLine('plain\n', true), 'plain\n');
});

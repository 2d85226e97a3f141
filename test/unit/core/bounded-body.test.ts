import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { readBody } from '../../../src/core/bounded-body.ts';

/** A request whose body a test writes. */
function request(headers: IncomingMessage['headers'] = {}): PassThrough & Pick<IncomingMessage, 'headers'> {
  return Object.assign(new PassThrough(), { headers });
}

test('readBody collects a body of up to the limit', async () => {
  const req = request();
  const body = readBody(req, 6);
  req.write('abc');
  req.end('def');
  assert.deepEqual(await body, Buffer.from('abcdef'));
});

test('readBody gives up at the first byte beyond the limit, and reads on, so that the client can end its request', async () => {
  const req = request();
  const body = readBody(req, 5);
  req.write('abc');
  req.write('def');
  assert.equal(await body, 'too-large');
  req.end('x'.repeat(100_000));
  await new Promise((resolve) => req.once('end', resolve));
});

test('readBody refuses an announced length without waiting for it', async () => {
  const req = request({ 'content-length': '6' });
  assert.equal(await readBody(req, 5), 'too-large');
  req.end('abcdef');
  await new Promise((resolve) => req.once('end', resolve));
});

test('readBody says that a client left', async () => {
  const req = request();
  const body = readBody(req, 5);
  req.write('abc');
  req.destroy();
  assert.equal(await body, 'left');
  const broken = request();
  const failing = readBody(broken, 5);
  broken.destroy(new Error('aborted'));
  assert.equal(await failing, 'left');
});

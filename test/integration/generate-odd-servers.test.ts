import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BarcodeClient, type Created } from '../../src/cli/generate/barcode-client.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { temporaryFolder } from '../support/postgres.ts';
import { runRampart } from '../support/stack.ts';

async function created(answer: (res: ServerResponse) => void): Promise<Created> {
  const server = createServer((req, res) => void req.resume().on('end', () => answer(res)));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const clock = new ManualClock();
  const url = `http://127.0.0.1:${port}`;
  const terms = { url, key: 'k', connections: 1, waitMs: 60_000 };
  const client = new BarcodeClient({ ...terms, clock, random: () => 0.5, onWait: () => {} });
  const result = client.create({}, 'one');
  const waiting = setInterval(() => void clock.advance(1000), 5);
  try {
    return await result;
  } finally {
    clearInterval(waiting);
    await client.close();
    server.close();
  }
}

for (const [what, answer, expected] of [
  [
    'a redirect',
    (res) => res.writeHead(302, { location: 'https://a.example/' }).end(),
    /status 302 and leads to https:\/\/a\.example\//,
  ],
  [
    'a page',
    (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    /text\/html that is no problem of Rampart/,
  ],
  ['an error without a body', (res) => res.writeHead(500).end(), /the reply has nothing in it/],
  ['a created barcode without an image', (res) => res.writeHead(201).end(), /the reply has nothing in it/],
  ['a 401 that is not ours', (res) => res.writeHead(401).end(), /the reply has nothing in it/],
] satisfies [string, (res: ServerResponse) => void, RegExp][]) {
  test(`a reply that is not Rampart's is told by what it is: ${what}`, async () => {
    const result = await created(answer);
    assert.notEqual(result.kind, 'image');
    assert.match('detail' in result ? result.detail : '', expected);
  });
}

const problem = { 'content-type': 'application/problem+json', 'retry-after': '1' };
const overloaded = JSON.stringify({ reason: 'overloaded', detail: 'too many requests are waiting' });

test('a service that has no room for --wait seconds ends the run, and says why', async () => {
  let asked = 0;
  const result = await created((res) => {
    asked++;
    res.writeHead(503, problem).end(overloaded);
  });
  assert.deepEqual(result, {
    kind: 'end',
    detail: 'the service has had no room for 60 s (--wait): overloaded: too many requests are waiting',
  });
  assert.ok(asked > 10, `${asked}`);
});

test('a service that has room now and then, and a rate limit, are waited for as long as it takes', async () => {
  let asked = 0;
  const image = { 'content-type': 'image/svg+xml' };
  const result = await created((res) => {
    asked++;
    if (asked === 200) res.writeHead(201, image).end('<svg/>');
    else if (asked % 40 === 0) res.writeHead(409, problem).end('{}');
    else res.writeHead(asked < 100 ? 503 : 429, problem).end(overloaded);
  });
  assert.equal(result.kind, 'image');
});

test('places that cannot be written and addresses that are none are named, without a stack', async () => {
  const folder = await temporaryFolder();
  const list = join(folder, 'list.csv');
  writeFileSync(list, 'code\nA\n');
  mkdirSync(join(folder, 'labels.zip'));
  const run = (...args: string[]) => runRampart(['generate', list, '--key', 'k', ...args], {});
  for (const args of [
    ['--out', list],
    ['--out', join(folder, 'labels.zip')],
    ['--out', join(folder, 'out'), '--url', 'ftp://127.0.0.1/'],
  ]) {
    const { code, stderr } = await run(...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^rampart: Cannot generate/);
    assert.doesNotMatch(stderr, /\n {4}at /);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSlo } from '../../../../src/config/slo-file.ts';
import { CheckedBody, outcomeOfReply } from '../../../../src/lab/load/reply-check.ts';
import { parseJsonPath, valueAtPath } from '../../../../src/policy/slo/json-path.ts';
import type { ReplyCheck } from '../../../../src/policy/slo/slo.ts';

const reply = (status: number, body = '{"ok":true,"items":[{"name":"a b"}],"n":1}') => ({
  status,
  headers: { 'content-type': 'application/json' },
  body,
});

const cases: readonly (readonly [string, ReplyCheck | undefined, ReturnType<typeof reply>, string])[] = [
  ['no check', undefined, reply(404), '4xx'],
  ['a check that asks nothing', {}, reply(500), '5xx'],
  ['a status that is expected', { statuses: [200, 201] }, reply(201), '2xx'],
  ['another success', { statuses: [201] }, reply(200), 'wrong-reply'],
  ['an expected status that is no success', { statuses: [404] }, reply(404), 'as-expected'],
  ['an expected refusal', { statuses: [429] }, reply(429), 'as-expected'],
  ['a refusal', { statuses: [404] }, reply(503), 'refused'],
  ['another error', { statuses: [404] }, reply(500), '5xx'],
  ['a header', { headers: { 'content-type': 'application/json' } }, reply(200), '2xx'],
  ['another header', { headers: { 'content-type': 'text/html' } }, reply(200), 'wrong-reply'],
  ['a missing header', { headers: { etag: '"a"' } }, reply(200), 'wrong-reply'],
  ['a part of the body', { contains: '"n":1' }, reply(200), '2xx'],
  ['no part of the body', { contains: '"n":2' }, reply(200), 'wrong-reply'],
  ['values in JSON', { json: { '$.items[0].name': 'a b', ok: true, n: 1 } }, reply(200), '2xx'],
  ['another type in JSON', { json: { n: '1' } }, reply(200), 'wrong-reply'],
  ['no JSON', { json: { n: 1 } }, reply(200, '<html>'), 'wrong-reply'],
  ['an error whose body would fit', { contains: 'ok' }, reply(500), '5xx'],
  ['an expected error with another body', { statuses: [404], contains: 'gone' }, reply(404), 'wrong-reply'],
];
for (const [what, check, given, outcome] of cases) {
  test(`outcomeOfReply: ${what} is ${outcome}`, () => assert.equal(outcomeOfReply(given, check), outcome));
}

test('a JSON path has members and indices, and reaches own members only', () => {
  assert.deepEqual(parseJsonPath('$.items[0].name'), ['items', 0, 'name']);
  assert.deepEqual(parseJsonPath('$'), []);
  for (const path of ['', '$..a', 'a b', '$.a[', '$.a[x]', '*']) assert.equal(parseJsonPath(path), undefined, path);
  assert.equal(valueAtPath({ a: [[7]] }, '$.a[0][0]'), 7);
  for (const path of ['$.constructor', '$.a.length.x', '$.b', '$.a[9]'])
    assert.equal(valueAtPath({ a: [] }, path), undefined);
});

test('CheckedBody joins the chunks, and keeps a bounded part', () => {
  const body = new CheckedBody();
  const text = Buffer.from('äb');
  for (const byte of text) body.add(Buffer.from([byte]));
  assert.equal(body.text(), 'äb');
  const large = new CheckedBody();
  for (let part = 0; part < 20; part++) large.add(Buffer.alloc(100_000, 'x'));
  assert.equal(large.text().length, 1024 * 1024);
});

test('parseSlo reads checks and a login, and names what is wrong in them', () => {
  const parsed = parseSlo(
    `service: shop
login:
  request: { method: POST, path: /login, body: '{"password":"{{SHOP_PASSWORD}}"}' }
  token: $.token
endpoints:
  - id: items
    request: { method: HEAD, path: /items, expect: { status: 204, headers: { ETag: a }, contains: x, json: { $.a: null } } }
`,
    'shop.yaml',
  );
  assert.ok(parsed.ok);
  const { login, endpoints } = parsed.slo;
  assert.deepEqual(endpoints[0]?.request?.expect, {
    statuses: [204],
    headers: { etag: 'a' },
    contains: 'x',
    json: { '$.a': null },
  });
  assert.deepEqual([login?.tokenPath, login?.header, login?.prefix], ['$.token', 'authorization', 'Bearer ']);
  const wrong = parseSlo(
    'service: s\nlogin: { request: { path: /l }, token: "a b" }\nendpoints: [{ id: a, request: { path: /, expect: { status: 99, text: x } } }]',
    'shop.yaml',
  );
  assert.ok(!wrong.ok);
  const said = wrong.problems.join('\n');
  for (const part of ['login.token', 'expect.status', 'text']) assert.ok(said.includes(part), said);
});

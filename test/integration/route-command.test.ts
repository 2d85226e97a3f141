import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { check } from '../../src/cli/check.ts';
import { route } from '../../src/cli/route.ts';
import type { Command } from '../../src/cli/io.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-route-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'busy.html'), '<p>busy</p>');
writeFileSync(
  join(folder, 'rampart.config.ts'),
  `export default {
  upstreams: { shop: { backends: ['http://127.0.0.1:3000'] } },
  errorPages: { '5xx': { file: 'busy.html' } },
  routes: [
    { endpoint: 'api', host: 'api.example', path: '/v1/:id', methods: ['GET'], upstream: 'shop', rewrite: { path: '/items/:id' } },
    { endpoint: 'rest', path: '/*', headers: { 'x-version': '2' }, upstream: 'shop', authenticate: false },
    { endpoint: 'old', path: '/old/*', redirect: { to: '/new/*' } },
  ],
};`,
);

/** What a command writes, and its exit code. */
async function run(command: Command, ...args: string[]): Promise<{ text: string; code: number }> {
  let text = '';
  const stream = { write: (more: string) => ((text += more), true) } as unknown as NodeJS.WriteStream;
  const code = await command(args, { stdout: stream, stderr: stream, env: {}, folder });
  return { text, code };
}

for (const [args, head] of [
  [
    ['GET https://API.example:443/v1/7?a=b'],
    'api answers (GET api.example/v1/:id): upstream shop gets /items/7?a=b, with a key',
  ],
  [['/x', 'X-Version: 2'], 'rest answers (/*): upstream shop gets /x, without a key'],
  [['POST http://x.example/old/a/b'], 'old answers (/old/*): redirect 308 to /new/a/b, without a key'],
  [['GET /healthz'], 'health answers (GET /healthz): Rampart itself answers'],
] as const) {
  test(`rampart route ${args.join(' ')}`, async () => {
    const { text, code } = await run(route, ...args);
    assert.equal(text.split('\n', 1)[0], head);
    assert.equal(code, 0);
  });
}

test('rampart route says why each other route does not answer', async () => {
  const { text, code } = await run(route, 'DELETE http://api.example/v1/7');
  assert.equal(code, 1);
  assert.equal(
    text,
    `No route answers: 405

Other routes, in the order in which they are asked:
  api   GET api.example/v1/:id  it takes GET
  rest  /*                      it needs header x-version = 2
  old   /old/*                  its path is /old/*
`.replace(/^ {2}(rest.*)\n {2}(old.*)$/m, '  $2\n  $1'),
  );
  assert.match((await run(route, 'GET /a/%2e%2e/b')).text, /400 on every route/);
  await assert.rejects(run(route, 'GET nothing'), /such as 'GET https:\/\/shop\.example\/a\?b': got 'GET nothing'/);
});

test('rampart check lists routes with what they do', async () => {
  const { text } = await run(check);
  assert.match(text, /^ {2}GET api\.example\/v1\/:id +api -> shop$/m);
  assert.match(text, /^ {2}\/old\/\* +old -> redirect 308$/m);
  assert.match(
    JSON.parse((await run(check, '--json')).text.replace(/^rampart:.*\n/gm, '')).routes[2].redirect.to,
    /new/,
  );
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { check } from '../../src/cli/check.ts';
import { route } from '../../src/cli/route.ts';
import type { Command } from '../../src/cli/io.ts';

const folder = join(import.meta.dirname, '../../examples/shop');

async function run(command: Command, ...args: string[]): Promise<{ text: string; code: number }> {
  let text = '';
  const stream = { write: (more: string) => ((text += more), true) } as unknown as NodeJS.WriteStream;
  const code = await command(args, { stdout: stream, stderr: stream, env: {}, folder });
  return { text, code };
}

test('examples/shop is a sound configuration, and nothing in it needs a remark', async () => {
  const { text, code } = await run(check);
  assert.equal(code, 0);
  assert.deepEqual(
    text.split('\n').filter((line) => line.startsWith('rampart:')),
    [],
  );
});

for (const [request, answer] of [
  [
    'GET https://www.shop.example/',
    'storefront answers (www.shop.example/*): upstream stable (95) or canary (5) gets /',
  ],
  [
    'GET https://shop.example/images/a.png',
    'images answers (GET shop.example/images/*): upstream stable gets /images/a.png',
  ],
  [
    'GET https://shop.example/healthz',
    'storefront answers (shop.example/*): upstream stable (95) or canary (5) gets /healthz',
  ],
  [
    'GET https://api.shop.example/v1/orders/7',
    'readOrder answers (GET api.shop.example/v1/orders/:order): upstream orders gets /orders/7',
  ],
  ['PUT https://api.shop.example/v1/orders/7', 'api answers (api.shop.example/v1/*): upstream orders gets /orders/7'],
  ['GET https://office.shop.example/x', 'office answers (office.shop.example/*): upstream office gets /x'],
  [
    'GET http://203.0.113.5/shop/shoes?size=42',
    'old answers (/shop/*): redirect 301 to https://shop.example/shoes?size=42',
  ],
  ['GET http://rampart.internal/healthz', 'health answers (GET rampart.internal/healthz): Rampart itself answers'],
] as const) {
  test(`rampart route '${request}' in examples/shop`, async () => {
    const [first = ''] = (await run(route, request)).text.split('\n', 1);
    assert.equal(first.replace(/, (?:with|without) .*$/, ''), answer);
  });
}

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { type Stack, startStack } from '../support/stack.ts';

interface MadeKey {
  readonly id: string;
  readonly key: string;
}

describe('what a key may do, and for how long, over processes', () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack({ GENERATOR_INSTANCES: '1' });
  });
  after(() => stack.stop());

  const keys = async (...args: string[]): Promise<MadeKey> => {
    const { stdout, stderr, code } = await stack.run('keys', ...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as MadeKey;
  };
  const render = (key: string): Promise<Response> =>
    fetch(`${stack.url}/v1/render/qrcode?text=a`, { headers: { authorization: `Bearer ${key}` } });
  const list = (key: string): Promise<Response> => fetch(`${stack.url}/v1/barcodes`, { headers: { 'x-api-key': key } });
  const reasonOf = async (reply: Response): Promise<string> => ((await reply.json()) as { reason: string }).reason;

  test('a key with scopes may use the endpoints that it names, and no other', async () => {
    const { key } = await keys('create', '--scope', 'renderBarcode,getBarcode');
    assert.equal((await render(key)).status, 200);
    const refused = await list(key);
    assert.equal(refused.status, 403);
    assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_scope", scope="listBarcodes"/);
    assert.equal(await reasonOf(refused), 'forbidden');
    assert.equal((await list(stack.key)).status, 200);
  });

  test('a key is refused from the moment of its end, on every worker, though they know it', async () => {
    const { key } = await keys('create', '--expires', '3s');
    assert.equal((await render(key)).status, 200);
    await eventually('it has expired', async () => (await render(key)).status === 401, 10_000);
    for (let request = 0; request < 8; request++) {
      const refused = await fetch(`${stack.url}/v1/barcodes`, {
        headers: { authorization: `Bearer ${key}`, connection: 'close' },
      });
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
      assert.equal(await reasonOf(refused), 'key-expired');
    }
  });

  test('a rotated key keeps its records, and its text before works until the overlap ends', async () => {
    const { id, key } = await keys('create');
    const made = await fetch(`${stack.url}/v1/barcodes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ symbology: 'qrcode', text: 'mine' }),
    });
    assert.equal(made.status, 201);
    const rotated = await keys('rotate', id, '--overlap', '3s');
    assert.equal(rotated.id, id);
    assert.equal((await list(key)).status, 200);
    const reply = await list(rotated.key);
    assert.equal(reply.status, 200);
    assert.match(await reply.text(), /"mine"/);
    await eventually('the text before has ended', async () => (await list(key)).status === 401, 10_000);
    assert.equal((await list(rotated.key)).status, 200);

    const again = await keys('rotate', id, '--overlap', '0s');
    await eventually('the text before is refused', async () => (await list(rotated.key)).status === 401);
    assert.equal((await list(again.key)).status, 200);
  });
});

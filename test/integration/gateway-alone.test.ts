import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/raw.ts';
import { endProcess, freePorts, processesOf, runRampart, type Stack, startStack } from '../support/stack.ts';

describe('GENERATOR_INSTANCES=0', () => {
  const backend = createServer((_req, res) => res.end('hello'));
  const file = join(tmpdir(), `rampart-alone-${process.pid}.config.ts`);
  before(async () => {
    await new Promise<void>((resolve) => void backend.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    backend.close();
    backend.closeAllConnections();
    rmSync(file, { force: true });
  });

  async function start(authenticate: boolean): Promise<Stack> {
    const origin = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
    const routes = [{ endpoint: 'app', path: '/app/*', upstream: 'app', authenticate }];
    writeFileSync(file, `export default ${JSON.stringify({ upstreams: { app: { backends: [origin] } }, routes })};\n`);
    return startStack({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: '2', RAMPART_CONFIG: file });
  }

  test('runs a gateway alone: no barcode routes, no database, no generator', async () => {
    const stack = await start(false);
    try {
      assert.equal(await (await fetch(`${stack.url}/app/x`)).text(), 'hello');
      assert.equal((await fetch(`${stack.url}/readyz`)).status, 200);
      for (const path of ['/v1/barcodes', '/v1/render/qrcode?text=a', '/openapi.json'])
        assert.equal((await fetch(`${stack.url}${path}`)).status, 404, path);
      assert.match(stack.output(), /backends {2}1 of upstream app, 16 requests at a time each\n/);
      assert.match(stack.output(), /database {2}none: no route needs one\n/);
      assert.equal(existsSync(join(stack.dataDir, 'postgres')), false);
      assert.equal((await stack.status()).processes.filter(({ role }) => role === 'generator').length, 0);
    } finally {
      assert.equal(await stack.stop(), 0);
      assert.deepEqual(processesOf(stack.dataDir), []);
    }
  });

  test('a worker and control that die after the file was broken come back with the configuration of the start', async () => {
    const stack = await start(false);
    try {
      writeFileSync(file, "throw new Error('broken');\n");
      const old = await stack.status();
      for (const { pid } of [...old.workers, old.control]) process.kill(pid, 'SIGKILL');
      await eventually(
        'they are back',
        async () => {
          const now = await stack.status().catch(() => undefined);
          return now?.workers.length === 2 && now.control.pid !== old.control.pid;
        },
        20_000,
      );
      assert.equal(await (await fetch(`${stack.url}/app/x`)).text(), 'hello');
      const { config } = (await stack.status()) as unknown as { config: { agreed: boolean } };
      assert.equal(config.agreed, true);
    } finally {
      assert.equal(await stack.stop(), 0);
    }
  });

  test('a route that asks for keys has its database, and a first key', async () => {
    const stack = await start(true);
    try {
      assert.equal((await fetch(`${stack.url}/app/x`)).status, 401);
      const headers = { authorization: `Bearer ${stack.key}` };
      assert.equal(await (await fetch(`${stack.url}/app/x`, { headers })).text(), 'hello');
    } finally {
      assert.equal(await stack.stop(), 0);
    }
  });
});

describe('what a start says', () => {
  let stack: Stack;
  before(async () => {
    stack = await startStack({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1', GATEWAY_WORKER: '7' });
  });
  after(async () => assert.equal(await stack.stop(), 0));

  test('a mistyped variable is named, once, with the nearest known one', () => {
    const said = stack
      .output()
      .match(/GATEWAY_WORKER is set, and Rampart has no such variable: did you mean GATEWAY_WORKERS\?/g);
    assert.equal(said?.length, 1);
  });

  test('C22: the first key is shown once, and named by its file afterwards', async () => {
    const path = join(stack.dataDir, 'first-key');
    assert.ok(stack.output().includes(stack.key));
    assert.equal(readFileSync(path, 'utf8').trim(), stack.key);
    assert.equal(statSync(path).mode & 0o077, 0);
    const before = stack.output().length;
    await endProcess(stack.supervisor, 'SIGTERM');
    await stack.startAgain();
    const said = stack.output().slice(before);
    assert.ok(!said.includes(stack.key), said);
    assert.ok(said.includes(`key       in ${path}\n`), said);
  });

  test('C23: keys revoke takes a whole key only if it is that key to the last character', async () => {
    const port = await freePorts(1);
    const env = { ...stack.env, PORT: String(port) };
    const wrong = `${stack.key.slice(0, -1)}${stack.key.endsWith('a') ? 'b' : 'a'}`;
    for (const text of [wrong, stack.key.slice(0, 12), stack.key.slice(0, 20)]) {
      const { code, stderr } = await runRampart(['keys', 'revoke', text], env);
      assert.match(stderr, /^rampart: Cannot revoke a key, as none has this id, is this one, or begins so/);
      assert.equal(code, 2);
    }
    assert.equal((await runRampart(['keys', 'revoke', stack.key], env)).code, 0);
  });
});

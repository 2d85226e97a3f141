import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { appFolder, installPacked, packRampart, runInstalled, spawnInstalled } from '../support/installed.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, stackSettings } from '../support/stack.ts';

describe('the package that npm pack makes, installed in a folder of an application', () => {
  const packs = mkdtempSync(join(tmpdir(), 'rampart-pack-'));
  const folder = appFolder();
  const app = createServer((req, res) => res.end(`my app at ${req.url}`));
  before(async () => {
    await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
    installPacked(packRampart(packs), folder);
    const backend = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
    // npm init writes this type; the file is an ES module all the same.
    writeFileSync(join(folder, 'package.json'), '{ "name": "my-app", "type": "commonjs" }\n');
    writeFileSync(
      join(folder, 'rampart.config.ts'),
      `import { defineConfig } from 'rampart/config';
const backend: string = '${backend}';
export default defineConfig({
  upstreams: { app: { backends: [backend] } },
  routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
});
`,
    );
  });
  after(() => {
    app.close();
    app.closeAllConnections();
    rmSync(packs, { recursive: true, force: true });
    rmSync(dirname(folder), { recursive: true, force: true });
  });

  test('has no sources, no tests and no scripts but those that it runs by', () => {
    const { stdout } = spawnSync('find', ['node_modules/rampart', '-name', '*.ts'], { cwd: folder, encoding: 'utf8' });
    const sources = stdout.split('\n').filter((file) => file !== '' && !file.endsWith('.d.ts'));
    // Configurations to copy: below node_modules they cannot run.
    assert.deepEqual(sources.toSorted(), [
      'node_modules/rampart/deploy/kubernetes-fleet/rampart.config.ts',
      'node_modules/rampart/deploy/kubernetes/rampart.config.ts',
      'node_modules/rampart/examples/shop/rampart.config.ts',
    ]);
    const scripts = spawnSync('ls', ['node_modules/rampart', 'node_modules/rampart/scripts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.doesNotMatch(scripts.stdout, /test|setup|bench|^src$/m);
  });

  test('names no TypeScript file but those that are TypeScript wherever Rampart is', () => {
    const { stdout } = spawnSync('grep', ['-rhoE', '--include=*.js', `'[^' ]*\\.ts'`, 'node_modules/rampart/dist'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const names = new Set(stdout.split('\n').filter((line) => line !== ''));
    // The second is the entry of a clone, which the lab compares with.
    assert.deepEqual([...names].toSorted(), ["'main.ts'", "'rampart.config.ts'"]);
  });

  test('says its version, checks the configuration and names a route', async () => {
    const { version } = JSON.parse(
      readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8'),
    ) as { version: string };
    assert.deepEqual(await runInstalled(folder, ['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
    const check = await runInstalled(folder, ['check']);
    assert.deepEqual([check.code, check.stderr], [0, '']);
    assert.match(check.stdout, /\/\* +app -> app\n/);
    const route = await runInstalled(folder, ['route', 'GET http://a/b']);
    assert.match(route.stdout, /^app answers/);
  });

  test('gives the configuration file its types', () => {
    writeFileSync(
      join(folder, 'wrong.ts'),
      `import { defineConfig } from 'rampart/config';\nexport default defineConfig({ upstreams: { app: { backends: [], cap: 'many' } } });\n`,
    );
    const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));
    const settings = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'esnext', '--types', ''];
    for (const module of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ] as const) {
      const kind = ['--module', module[0], '--moduleResolution', module[1]];
      const types = (file: string): string =>
        spawnSync(tsc, [...settings, ...kind, file], { cwd: folder, encoding: 'utf8' }).stdout;
      assert.equal(types('rampart.config.ts'), '', module[1]);
      assert.match(
        types('wrong.ts'),
        /^wrong\.ts\(2,\d+\): error TS2322: Type 'string' is not assignable to type 'number'/,
        module[1],
      );
    }
  });

  test('starts every role, serves the application, barcodes and the console, reloads, and stops', async () => {
    const { RAMPART_DATA_DIR = '', ...env } = await stackSettings({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' });
    rmSync(RAMPART_DATA_DIR, { recursive: true });
    const url = `http://127.0.0.1:${env['PORT']}`;
    const started = spawnInstalled(folder, ['start'], env);
    let said = '';
    for (const stream of [started.stdout, started.stderr])
      stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    try {
      await eventually(
        'Rampart is up',
        () => {
          assert.equal(started.exitCode, null, said);
          return said.includes('Ctrl-C stops everything');
        },
        60_000,
      );
      assert.equal(await (await fetch(`${url}/x?y`)).text(), 'my app at /x?y');
      const headers = { authorization: `Bearer ${/\brk_[\w-]+/.exec(said)?.[0]}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ symbology: 'maxicode', text: 'hello' });
      assert.equal((await fetch(`${url}/v1/barcodes`, { method: 'POST', headers, body })).status, 201);
      const file = join(folder, 'rampart.config.ts');
      writeFileSync(file, readFileSync(file, 'utf8').replace("path: '/*'", "path: '/new/*'"));
      const reload = await runInstalled(folder, ['reload'], env);
      assert.deepEqual([reload.code, reload.stderr], [0, '']);
      assert.equal((await fetch(`${url}/x`)).status, 404);
      assert.equal((await fetch(`${url}/new/x`)).status, 200);
      assert.equal((await runInstalled(folder, ['status'], env)).code, 0);
      const admin = `http://127.0.0.1:${env['ADMIN_PORT']}/`;
      const page = await (await fetch(admin)).text();
      for (const [, path = ''] of page.matchAll(/(?:href|src)="(console\/[^"]+)"/g))
        assert.equal((await fetch(`${admin}${path}`)).status, 200, path);
    } finally {
      assert.equal(await endProcess(started, 'SIGINT'), 0, said);
    }
  });
});

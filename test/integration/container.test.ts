import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Contained, readContainerfile, startContained } from '../support/container.ts';
import { packRampart } from '../support/installed.ts';
import { eventually } from '../support/raw.ts';
import { stackSettings } from '../support/stack.ts';

const image = readContainerfile(fileURLToPath(new URL('../../deploy/container/Containerfile', import.meta.url)));
const root = fileURLToPath(new URL('../..', import.meta.url));

const ended = (child: ChildProcess): Promise<number | null> =>
  child.exitCode === null && child.signalCode === null
    ? new Promise((resolve) => void child.once('exit', (code) => resolve(code)))
    : Promise.resolve(child.exitCode);

describe('deploy/container/Containerfile', () => {
  test('names its bases by version, runs Node itself as a numeric user, and has a health check without a shell', () => {
    assert.deepEqual(image.bases, ['${BUILD_IMAGE} AS build', '${BASE_IMAGE}']);
    for (const base of [image.args['BUILD_IMAGE'], image.args['BASE_IMAGE']])
      assert.match(String(base), /^[\w./-]+:(?!latest)[\w.-]+$/);
    assert.match(image.user, /^[1-9]\d+:[1-9]\d+$/);
    assert.equal(image.stopSignal, 'SIGTERM');
    assert.match(image.entryPoint[0] ?? '', /\/node$/);
    assert.match(image.healthCheck[0] ?? '', /\/node$/);
  });

  const options =
    process.getuid?.() === 0 && process.platform === 'linux'
      ? { timeout: 120_000 }
      : { skip: 'only root can make a file system' };
  describe('what it runs, without a container engine', options, () => {
    const folder = mkdtempSync(join(tmpdir(), 'rampart-container-'));
    const packed = join(folder, 'package');
    const app = createServer((req, res) => res.end(`app at ${req.url}`));
    let env: Record<string, string>;
    const start = (): Promise<Contained> =>
      startContained({ image, packed, folder, config: join(folder, 'rampart.config.ts'), env });

    before(async () => {
      await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
      mkdirSync(packed);
      execFileSync('tar', ['-xzf', packRampart(folder), '-C', packed, '--strip-components=1']);
      const backends = [`http://127.0.0.1:${(app.address() as AddressInfo).port}`];
      const routes = `[{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }]`;
      writeFileSync(
        join(folder, 'rampart.config.ts'),
        `import { defineConfig } from 'rampart/config';\nexport default defineConfig({ upstreams: { app: { backends: ${JSON.stringify(backends)} } }, routes: ${routes} });\n`,
      );
      const { PORT = '', ADMIN_PORT = '', RAMPART_DATA_DIR = '' } = await stackSettings();
      rmSync(RAMPART_DATA_DIR, { recursive: true });
      env = { PORT, ADMIN_PORT, GATEWAY_WORKERS: '2', GENERATOR_INSTANCES: '0' };
    });
    after(() => {
      app.close();
      app.closeAllConnections();
      rmSync(folder, { recursive: true, force: true });
    });

    test('serves from a read-only file system, as process 1 without a capability; a kill -9 leaves nothing in its way', async () => {
      const first = await start();
      const url = `http://127.0.0.1:${env['PORT']}`;
      try {
        assert.equal(await (await fetch(`${url}/a`)).text(), 'app at /a');
        const status = readFileSync(`/proc/${first.pid}/status`, 'utf8');
        assert.match(status, /^Uid:\t10001\t10001\t10001\t10001$/m);
        assert.match(status, /^CapBnd:\t0+$/m);
        assert.match(status, /^NSpid:\t\d+\t1$/m);
        assert.match(
          readFileSync(`/proc/${first.pid}/cmdline`, 'utf8'),
          /^\/opt\/bin\/node\0\/opt\/rampart\/dist\/cli\/main\.js\0start\0$/,
        );
        for (const place of ['/etc/rampart/x', '/opt/rampart/x', '/usr/x', '/x'])
          assert.notEqual(await ended(first.exec('touch', place)), 0, place);
      } finally {
        process.kill(first.pid, 'SIGKILL');
        await ended(first.child);
      }
      const second = await start();
      try {
        assert.equal(await (await fetch(`${url}/b`)).text(), 'app at /b');
        for (const command of [['status'], ['reload']])
          assert.equal(await ended(second.exec(...image.entryPoint, ...command)), 0, command.join(' '));
        const check = (): number | null =>
          spawnSync(process.execPath, image.healthCheck.slice(1), { env: { ...env } }).status;
        assert.equal(check(), 0);
        process.kill(second.pid, 'SIGTERM');
        await eventually('it is not ready any more', async () => (await fetch(`${url}/readyz`)).status === 503, 5000);
        assert.equal(await (await fetch(`${url}/late`)).text(), 'app at /late');
        assert.equal(await ended(second.child), 0, second.said());
        assert.equal(check(), 1);
      } finally {
        if (existsSync(`/proc/${second.pid}`)) process.kill(second.pid, 'SIGKILL');
      }
    });

    test('lock-installed: npm ci takes the packages of the lockfile, and none that only the clone needs', () => {
      execFileSync(process.execPath, [join(root, 'scripts', 'lock-installed.mjs'), packed]);
      const args = ['ci', '--prefix', packed, '--dry-run', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'];
      const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      const { packages } = JSON.parse(readFileSync(join(packed, 'package-lock.json'), 'utf8')) as {
        packages: Record<string, unknown>;
      };
      for (const name of ['undici', 'pg', '@prisma/client']) assert.ok(`node_modules/${name}` in packages, name);
      for (const name of ['prisma', 'pm2', 'typescript', 'oxlint', 'fastify'])
        assert.ok(!(`node_modules/${name}` in packages), name);
    });
  });
});

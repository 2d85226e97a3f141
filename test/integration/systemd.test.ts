import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { packRampart } from '../support/installed.ts';
import { eventually } from '../support/raw.ts';
import { freePorts } from '../support/stack.ts';
import { type SystemdHost, startSystemd } from '../support/systemd-host.ts';

const CONFIG = `import { defineConfig } from 'rampart/config';
export default defineConfig({ routes: [{ endpoint: 'a', path: '/*', static: { status: 200, body: 'hello' }, authenticate: false }] });
`;

// npm run test:long: not every machine lets a test mount what systemd needs.
describe('deploy/systemd under systemd itself', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rampart-systemd-'));
  const [packed, units, config] = ['package', 'units', 'config'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  let url: string;
  let adminUrl: string;
  let host: SystemdHost;

  before(async () => {
    for (const each of [packed, units, config]) mkdirSync(each);
    execFileSync('tar', ['-xzf', packRampart(folder), '-C', packed, '--strip-components=1']);
    const port = await freePorts(2);
    url = `http://127.0.0.1:${port}`;
    adminUrl = `http://127.0.0.1:${port + 1}`;
    for (const name of ['rampart.service', 'rampart.socket']) {
      const text = readFileSync(fileURLToPath(new URL(`../../deploy/systemd/${name}`, import.meta.url)), 'utf8');
      // A host without a network target, a watchdog that bites sooner. A user namespace within those of the test is refused.
      const changed = text
        .replace('[Unit]\n', '[Unit]\nDefaultDependencies=no\n')
        .replaceAll(/^(?:Wants|After)=.*\n/gm, '')
        .replace('WatchdogSec=30', 'WatchdogSec=4')
        .replace('PrivateUsers=yes', 'PrivateUsers=no')
        .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`);
      writeFileSync(join(units, name), changed);
    }
    writeFileSync(
      join(units, 'rampart-test.target'),
      '[Unit]\nDefaultDependencies=no\nWants=rampart.socket rampart.service\n',
    );
    writeFileSync(join(config, 'environment'), `PORT=${port}\nADMIN_PORT=${port + 1}\nGENERATOR_INSTANCES=0\n`);
    writeFileSync(join(config, 'rampart.config.ts'), CONFIG);
    host = await startSystemd({ folder, packed, units, config });
    await eventually('the service is up', () => host.show('ActiveState') === 'active', 30_000);
  });
  after(async () => {
    await host?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is up when it says so, on the sockets of systemd, as a user of its own', async () => {
    assert.equal(await (await fetch(url)).text(), 'hello');
    assert.deepEqual([host.show('StatusText'), host.show('User')], ['Everything is up', 'rampart']);
  });

  test('systemctl reload succeeds, and fails on a configuration that is refused', () => {
    const write = (text: string): void =>
      void host.run('sh', '-c', `cat > /etc/rampart/rampart.config.ts <<'END'\n${text}END`);
    assert.equal(host.run('systemctl', 'reload', 'rampart').code, 0);
    write('export default { nonsense: 1 };\n');
    assert.notEqual(host.run('systemctl', 'reload', 'rampart').code, 0);
    write(CONFIG);
    assert.equal(host.show('ActiveState'), 'active');
  });

  test('systemctl restart refuses no connection', async () => {
    const before = host.show('MainPID');
    const restart = new Promise((resolve) =>
      setImmediate(() => resolve(host.run('systemctl', '--no-block', 'restart', 'rampart').code)),
    );
    assert.equal(await restart, 0);
    await eventually(
      'another process serves',
      async () => {
        const reply = await fetch(url, { headers: { connection: 'close' } });
        assert.equal(reply.status, 200);
        await reply.text();
        return host.show('ActiveState') === 'active' && host.show('MainPID') !== before;
      },
      30_000,
    );
  });

  test('a control that hangs: the watchdog restarts the service', async () => {
    const { control } = (await (await fetch(`${adminUrl}/api/status`)).json()) as { control: { pid: number } };
    assert.equal(host.run('kill', '-STOP', String(control.pid)).code, 0);
    await eventually(
      'it was restarted',
      () => host.show('NRestarts') === '1' && host.show('ActiveState') === 'active',
      45_000,
    );
    assert.equal(await (await fetch(url)).text(), 'hello');
  });

  test('systemctl stop ends it well', () => {
    assert.equal(host.run('systemctl', 'stop', 'rampart').code, 0);
    assert.deepEqual([host.show('Result'), host.show('ExecMainStatus')], ['success', '0']);
  });
});

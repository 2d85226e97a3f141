import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/config.ts';
import { deployFolder, deployText, kustomized, type Manifest, manifestsIn, onlyWith } from '../support/deploy-files.ts';
import { eventually } from '../support/raw.ts';
import { endProcess, freePorts, runRampart, stackSettings, startStack } from '../support/stack.ts';
import { startSteadyClient } from '../support/steady-client.ts';
import { withoutValkey } from '../support/valkey-server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rampart-fleet-files-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** The module of kubernetes-types that has the kinds of a version: `v1` is core/v1, `apps/v1` and `rbac.authorization.k8s.io/v1` go by their first label. */
function typesOf(apiVersion: string): string {
  const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  return `kubernetes-types/${group.split('.')[0]}/${version}`;
}

/** The compiler's complaints about manifests as values of the types of Kubernetes: unknown fields, and wrong values. */
function complaintsOf(all: readonly Manifest[]): string {
  const lines = all.flatMap((each, index) => [
    `import type { ${each.kind} as Kind${index} } from '${typesOf(each.apiVersion)}';`,
    `export const manifest${index}: Kind${index} = ${JSON.stringify(each)};`,
  ]);
  // Below the project, so that its packages are found.
  const place = mkdtempSync(join(root, 'test', 'manifests-'));
  try {
    const file = join(place, 'manifests.ts');
    writeFileSync(file, lines.join('\n'));
    const args = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--ignoreConfig',
      '--module',
      'esnext',
      '--moduleResolution',
      'bundler',
      file,
    ];
    const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ...args], {
      encoding: 'utf8',
    });
    return stdout;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

describe('deploy/kubernetes-fleet', () => {
  const all = kustomized('kubernetes-fleet', [
    'valkey/valkey.yaml',
    'kubernetes-fleet/rbac.yaml',
    'kubernetes-fleet/hosts.yaml',
  ]);
  const of = (kind: string, name: string): Manifest => {
    const found = all.find((each) => each.kind === kind && each.metadata.name === name);
    assert.ok(found !== undefined, `${kind} ${name}`);
    return found;
  };

  test('every field is one of Kubernetes, with a value that it takes', () => {
    const whole = [...all, ...manifestsIn(deployText('kubernetes-fleet/backends.yaml'))];
    assert.equal(complaintsOf(whole), '');
    const first = whole.find(({ kind }) => kind === 'StatefulSet');
    assert.match(
      complaintsOf([{ ...first, spec: { ...first?.spec, replica: 3 } } as Manifest]),
      /"replica"' does not exist/,
    );
  });

  test('every file of the folders is used, or is a pattern that says so', () => {
    const { resources, patches } = parse(deployText('kubernetes-fleet/kustomization.yaml')) as {
      resources: string[];
      patches: { path: string }[];
    };
    const used = new Set([...resources, ...patches.map(({ path }) => path), 'backends.yaml', 'kustomization.yaml']);
    const files = readdirSync(join(deployFolder, 'kubernetes-fleet')).filter((name) => name.endsWith('.yaml'));
    assert.deepEqual(
      files.filter((name) => !used.has(name)),
      [],
    );
    assert.match(deployText('kubernetes-fleet/backends.yaml'), /a pattern/);
  });

  test('hosts may read what they follow and nothing else, and reach the sentinels by their names', () => {
    const [rule] = (of('Role', 'rampart') as unknown as { rules: object[] }).rules;
    assert.deepEqual(rule, {
      apiGroups: ['discovery.k8s.io'],
      resources: ['endpointslices'],
      verbs: ['list', 'watch'],
    });
    const [patch] = manifestsIn(deployText('kubernetes-fleet/deployment.yaml'));
    const pod = patch?.spec.template.spec;
    assert.deepEqual([pod.serviceAccountName, pod.automountServiceAccountToken], ['rampart', true]);
    const { value } = pod.containers[0].env.find(({ name }: { name: string }) => name === 'VALKEY_URL');
    const { replicas, serviceName } = of('StatefulSet', 'valkey-sentinel').spec;
    const hosts = Array.from({ length: replicas }, (_, index) => `valkey-sentinel-${index}.${serviceName}:26379`);
    assert.equal(value, `redis-sentinel://${hosts.join(',')}/rampart`);
    assert.match(deployText('valkey/sentinel.conf'), /^sentinel monitor rampart valkey-0\.valkey 6379 2$/m);
  });

  test('the servers have more than one replica, and the autoscaler leaves 30 % of each cap', async () => {
    const { upstreams } = await loadConfig({ VALKEY_URL: 'redis://10.0.0.1' }, join(deployFolder, 'kubernetes-fleet'));
    const app = upstreams.find(({ name }) => name === 'app');
    assert.deepEqual(
      [app?.discover?.kind, app?.discover?.slices?.port, app?.fleet?.mode],
      ['slices', 'http', 'prompt'],
    );
    const [autoscaler] = manifestsIn(deployText('kubernetes-fleet/backends.yaml'));
    assert.equal(autoscaler?.spec.metrics[0].external.target.averageValue, `${(app?.cap ?? 0) * 700}m`);
    const leastReplicas = Number(/^min-replicas-to-write (\d+)$/m.exec(deployText('valkey/valkey.conf'))?.[1]);
    assert.ok(of('StatefulSet', 'valkey').spec.replicas >= leastReplicas + 2, 'one may restart');
    const [, lagSeconds] = /^min-replicas-max-lag (\d+)$/m.exec(deployText('valkey/valkey.conf')) ?? [];
    const [, downMs] =
      /^sentinel down-after-milliseconds rampart (\d+)$/m.exec(deployText('valkey/sentinel.conf')) ?? [];
    assert.ok(Number(downMs) >= (Number(lagSeconds) + 1) * 1000);
  });

  test('start-valkey.sh follows the primary that a sentinel names, and without one valkey-0', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    const program = (name: string, text: string): void =>
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const started = (host: string, sentinel: string): string => {
      program('hostname', `echo ${host}`);
      program('valkey-cli', sentinel);
      program('valkey-server', 'echo "$@"');
      const env = { PATH: `${bin}:${process.env['PATH']}` };
      const { stdout, status, stderr } = spawnSync('sh', [join(deployFolder, 'valkey', 'start-valkey.sh')], {
        env,
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      return /--replicaof \S+|$/.exec(stdout)?.[0] ?? '';
    };
    assert.equal(started('valkey-0', 'exit 1'), '');
    assert.equal(started('valkey-1', 'exit 1'), '--replicaof valkey-0.valkey');
    const secondSentinelKnows = 'case "$*" in *sentinel-1*) printf "valkey-2.valkey\\n6379\\n";; *) exit 1;; esac';
    assert.equal(started('valkey-0', secondSentinelKnows), '--replicaof valkey-2.valkey');
    assert.equal(started('valkey-2', secondSentinelKnows), '');
  });
});

interface Started {
  readonly port: number;
  readonly child: ChildProcess;
}

describe('deploy/valkey', { skip: withoutValkey }, () => {
  const children: ChildProcess[] = [];
  after(async () => {
    for (const child of children) await endProcess(child, 'SIGKILL');
  });

  /** redis-server of Debian takes the same files. A sentinel gets the port in its file, which `text` replaces. */
  async function start(
    file: string,
    name: string,
    text = deployText(`valkey/${file}`),
    ...more: string[]
  ): Promise<Started> {
    const port = await freePorts(1);
    const place = join(folder, name);
    mkdirSync(place);
    writeFileSync(join(place, file), text.replace(/^port \d+$/m, `port ${port}`));
    const args = [join(place, file), '--dir', place, '--bind', '127.0.0.1', ...more];
    const argv0 = file === 'sentinel.conf' ? 'redis-sentinel' : 'redis-server';
    const child = spawn('/usr/bin/redis-check-rdb', args, { argv0, stdio: 'ignore' });
    children.push(child);
    await eventually(`${name} answers`, () => say(port, 'ping').includes('PONG'), 10_000);
    return { port, child };
  }
  const say = (port: number, ...command: string[]): string =>
    spawnSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8', timeout: 5000 }).stdout;

  test('a primary, a replica and a sentinel with these files serve a fleet, and fail over', async () => {
    const primary = await start('valkey.conf', 'primary');
    const replica = await start(
      'valkey.conf',
      'replica',
      undefined,
      '--replicaof',
      `127.0.0.1 ${primary.port}`,
      '--min-replicas-to-write',
      '0',
    );
    await eventually('the replica follows', () => say(replica.port, 'role').includes('connected'), 15_000);
    for (const [name, value] of [
      ['maxmemory-policy', 'noeviction'],
      ['min-replicas-to-write', '1'],
      ['appendfsync', 'everysec'],
    ] as const)
      assert.match(say(primary.port, 'config', 'get', name), new RegExp(`^${name}\n${value}\n`));
    const known = deployText('valkey/sentinel.conf').replace('valkey-0.valkey 6379 2', `127.0.0.1 ${primary.port} 1`);
    const sentinel = await start('sentinel.conf', 'sentinel', known);
    const replicas = (): string => say(sentinel.port, 'sentinel', 'replicas', 'rampart');
    await eventually('the sentinel knows the replica', () => replicas().includes(String(replica.port)), 20_000);
    const settings = await stackSettings({
      GENERATOR_INSTANCES: '0',
      VALKEY_URL: `redis-sentinel://127.0.0.1:${sentinel.port}/rampart`,
    });
    const check = async (): Promise<string> => (await runRampart(['check'], settings)).stdout;
    assert.match(await check(), /maxmemory-policy noeviction/);
    await endProcess(primary.child, 'SIGKILL');
    await eventually('the replica is the primary', () => say(replica.port, 'role').startsWith('master'), 20_000);
    // The replica is the primary before the sentinel has told anybody so.
    const isFound = async (): Promise<boolean> => /maxmemory-policy noeviction/.test(await check());
    await eventually('the sentinel names the new primary', isFound, 20_000);
    rmSync(settings['RAMPART_DATA_DIR'] as string, { recursive: true, force: true });
  });

  test('the cache evicts, and persists nothing', async () => {
    const { port } = await start('cache.conf', 'cache');
    assert.match(say(port, 'config', 'get', 'maxmemory-policy'), /allkeys-lru/);
    assert.match(say(port, 'config', 'get', 'save'), /^save\n\n/);
  });
});

test('deploy/keepalived: keepalived reads the file', onlyWith('/usr/sbin/keepalived'), () => {
  // An interface that the machine has, because keepalived looks for it.
  const card = Object.keys(networkInterfaces()).find((name) => name !== 'lo') ?? 'eth0';
  const text = deployText('keepalived/keepalived.conf').replace('interface eth0', `interface ${card}`);
  const file = join(folder, 'keepalived.conf');
  const status = (content: string): number | null => {
    writeFileSync(file, content);
    return spawnSync('/usr/sbin/keepalived', ['--config-test', '-f', file]).status;
  };
  assert.equal(status(text), 0);
  assert.equal(status(text.replace('  priority', '  priorty')), 5);
});

test(
  'HAProxy with deploy/haproxy/fleet.cfg: a host that stops under load loses no request',
  onlyWith('/usr/sbin/haproxy'),
  async () => {
    const app = createServer((_, res) => setTimeout(() => res.end('served'), 5));
    await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve));
    const config = {
      upstreams: { app: { backends: [`http://127.0.0.1:${(app.address() as AddressInfo).port}`], cap: 64 } },
      routes: [{ endpoint: 'app', path: '/*', upstream: 'app', authenticate: false }],
    };
    const RAMPART_CONFIG = join(folder, 'rampart.config.ts');
    writeFileSync(RAMPART_CONFIG, `export default ${JSON.stringify(config)};\n`);
    const host = () =>
      startStack({ GENERATOR_INSTANCES: '0', GATEWAY_WORKERS: '1', RAMPART_CONFIG, SHUTDOWN_DELAY_MS: '5000' });
    const [one, other] = await Promise.all([host(), host()]);
    const port = await freePorts(1);
    const file = join(folder, 'haproxy.cfg');
    const lines = deployText('haproxy/fleet.cfg')
      .replace('bind :80\n', `bind 127.0.0.1:${port}\n`)
      .replace(/^ {2}bind :443 .*\n/m, '')
      .replace(/^.*scheme https code.*\n/m, '')
      .replace('10.0.0.11:8080', one.url.slice('http://'.length))
      .replace('10.0.0.12:8080', other.url.slice('http://'.length));
    writeFileSync(file, lines);
    const checked = spawnSync('/usr/sbin/haproxy', ['-c', '-q', '-f', file], { encoding: 'utf8' });
    assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', '']);
    const haproxy = spawn('/usr/sbin/haproxy', ['-db', '-f', file], { stdio: 'ignore' });
    try {
      const url = `http://127.0.0.1:${port}`;
      const isServed = async () => (await fetch(`${url}/`).catch(() => undefined))?.status === 200;
      await eventually('HAProxy passes requests on', isServed, 10_000);
      const client = (keepAlive: boolean) =>
        startSteadyClient({ url, key: '', perSecond: 50, keepAlive, method: 'GET', path: '/' });
      const clients = [client(true), client(false)];
      assert.equal(await one.stop(), 0);
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const { sent, outcomes } of await Promise.all(clients.map((each) => each.stop())))
        assert.deepEqual(outcomes, { '200': sent });
    } finally {
      await endProcess(haproxy, 'SIGTERM');
      await other.stop();
      app.close();
      app.closeAllConnections();
    }
  },
);

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/config.ts';
import { deployFolder, deployText, kustomized, type Manifest, manifestsIn, onlyWith } from '../support/deploy-files.ts';

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

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { parseEnvironment, variables } from '../../src/config/environment.ts';
import { loadConfig } from '../../src/config/config.ts';
import { deployFolder, deployText, kustomized, type Manifest, manifestsIn } from '../support/deploy-files.ts';
import { readContainerfile } from '../support/container.ts';

const image = readContainerfile(join(deployFolder, 'container', 'Containerfile'));

/** Variables of other programs that the files set. */
const others = new Set(['NODE_ENV', 'NODE_COMPILE_CACHE']);

/** Every variable is one of Rampart's, with a value that it takes; the parsed values. */
function settingsOf(env: Readonly<Record<string, string>>): ReturnType<typeof parseEnvironment>['values'] {
  const unknown = Object.keys(env).filter((name) => !(name in variables) && !others.has(name));
  assert.deepEqual(unknown, []);
  const { values, problems } = parseEnvironment(env);
  assert.deepEqual(problems, []);
  return values;
}

const secondsToStop = ({ SHUTDOWN_DELAY_MS, DRAIN_TIMEOUT_MS }: ReturnType<typeof settingsOf>): number =>
  (SHUTDOWN_DELAY_MS + DRAIN_TIMEOUT_MS) / 1000;

/** The lines NAME=value of a unit, by section and name. */
function unitOf(text: string): (section: string, name: string) => string[] {
  const lines: (readonly [string, string, string])[] = [];
  let section = '';
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, title] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    assert.ok(title !== undefined || name !== '', line);
    if (title === undefined) lines.push([section, name, value]);
    else section = title;
  }
  return (wanted, name) => lines.flatMap(([each, key, value]) => (each === wanted && key === name ? [value] : []));
}

test('deploy/container/compose.yaml: versions, no privileges, time to stop, settings that Rampart takes', () => {
  interface Service {
    readonly image: string;
    readonly user?: string;
    readonly read_only?: boolean;
    readonly cap_drop?: string[];
    readonly stop_grace_period?: string;
    readonly environment?: Record<string, string>;
    readonly build?: { readonly context: string; readonly dockerfile: string };
    readonly volumes?: string[];
  }
  const { services, volumes } = parse(deployText('container/compose.yaml')) as {
    services: Record<string, Service>;
    volumes: Record<string, null>;
  };
  for (const [name, { image: used, volumes: mounts = [] }] of Object.entries(services)) {
    assert.match(used, /:(?!latest)[\w.-]+$/, name);
    for (const mount of mounts) {
      const [source = ''] = mount.split(':');
      assert.ok(
        source.startsWith('./') ? existsSync(join(deployFolder, 'container', source)) : source in volumes,
        mount,
      );
    }
  }
  const { rampart } = services;
  assert.ok(rampart !== undefined);
  const { user, read_only, cap_drop, build } = rampart;
  assert.deepEqual({ user, read_only, cap_drop }, { user: image.user, read_only: true, cap_drop: ['ALL'] });
  assert.ok(existsSync(join(deployFolder, 'container', build?.context ?? '', build?.dockerfile ?? '')));
  const given = Object.fromEntries(
    Object.entries(rampart.environment ?? {}).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{[^}]*\}/g, 'a-secret-of-16-characters'),
    ]),
  );
  const settings = settingsOf({ ...image.env, ...given });
  assert.ok(Number.parseInt(rampart.stop_grace_period ?? '', 10) >= secondsToStop(settings) + 10);
});

test('deploy/container/prometheus.yml scrapes the admin port of the service', () => {
  const {
    scrape_configs: [job],
  } = parse(deployText('container/prometheus.yml')) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  assert.deepEqual(job?.static_configs[0]?.targets, [`rampart:${parseEnvironment({}).values.ADMIN_PORT}`]);
});

test('deploy/container/rampart.container: no privileges, the health check of the image, time to stop', () => {
  const unit = unitOf(deployText('container/rampart.container'));
  const one = (name: string): string | undefined => unit('Container', name)[0];
  assert.deepEqual(
    [one('User'), one('Group'), one('ReadOnly'), one('DropCapability'), one('NoNewPrivileges')],
    [...image.user.split(':'), 'true', 'all', 'true'],
  );
  assert.deepEqual(JSON.parse(one('HealthCmd') ?? '[]'), image.healthCheck);
  assert.doesNotMatch(one('Image') ?? '', /latest/);
  const stop = Number(one('StopTimeout'));
  assert.ok(stop >= secondsToStop(settingsOf(image.env)) + 10 && Number(unit('Service', 'TimeoutStopSec')[0]) > stop);
});

test('deploy/systemd: settings that Rampart takes, time to stop, and a socket for each worker', () => {
  const unit = unitOf(deployText('systemd/rampart.service'));
  const socket = unitOf(deployText('systemd/rampart.socket'));
  const env = Object.fromEntries(unit('Service', 'Environment').map((each) => each.split('=') as [string, string]));
  const settings = settingsOf(env);
  assert.ok(Number(unit('Service', 'TimeoutStopSec')[0]) >= secondsToStop(settings) + 10);
  const sockets = Array.from({ length: settings.GATEWAY_WORKERS }, () => `${settings.HOST}:${settings.PORT}`);
  assert.deepEqual(socket('Socket', 'ListenStream'), sockets);
  assert.deepEqual([socket('Socket', 'ReusePort'), socket('Socket', 'FileDescriptorName')], [['yes'], ['public']]);
});

describe('deploy/kubernetes', () => {
  const { resources: named } = parse(deployText('kubernetes/kustomization.yaml')) as { resources: string[] };
  const all = kustomized(
    'kubernetes',
    named.map((name) => `kubernetes/${name}`),
  );
  const of = (kind: string): Manifest => {
    const found = all.find((each) => each.kind === kind);
    assert.ok(found !== undefined, kind);
    return found;
  };

  test('names every file of the folder', () => {
    const { resources } = parse(deployText('kubernetes/kustomization.yaml')) as { resources: string[] };
    const files = readdirSync(join(deployFolder, 'kubernetes')).filter(
      (name) => name.endsWith('.yaml') && name !== 'kustomization.yaml',
    );
    assert.deepEqual(resources.toSorted(), files.toSorted());
  });

  test('the pod has no service links and no privileges, and time to stop', () => {
    const pod = of('Deployment').spec.template.spec;
    const [container] = pod.containers;
    assert.equal(pod.enableServiceLinks, false);
    assert.equal(pod.automountServiceAccountToken, false);
    assert.deepEqual(
      [pod.securityContext.runAsNonRoot, `${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`],
      [true, image.user],
    );
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    assert.match(container.image, /:(?!latest)[\w.-]+$/);
    const env = Object.fromEntries(
      container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    const settings = settingsOf({ ...image.env, ...env });
    assert.ok(
      pod.terminationGracePeriodSeconds >= container.lifecycle.preStop.sleep.seconds + secondsToStop(settings) + 10,
    );
    const {
      readinessProbe: { periodSeconds, failureThreshold },
    } = container;
    assert.ok(settings.SHUTDOWN_DELAY_MS >= periodSeconds * failureThreshold * 1000, 'the delay outlasts the probes');
    assert.equal(settings.LEDGER_DURABILITY, 'sync');
    assert.deepEqual(
      [container.readinessProbe.httpGet.path, container.livenessProbe.httpGet.path],
      ['/readyz', '/healthz'],
    );
    for (const { containerPort, name } of container.ports)
      assert.equal(containerPort, name === 'http' ? settings.PORT : settings.ADMIN_PORT);
  });

  test('the configuration of the pod is sound', async () => {
    const { routes } = await loadConfig({}, join(deployFolder, 'kubernetes'));
    assert.equal(routes.length, 1);
  });

  test('pods that run side by side share no data folder, and keep no record only there', () => {
    const { strategy, template } = of('Deployment').spec;
    const data = template.spec.volumes.find(({ name }: { name: string }) => name === 'data');
    const env: { name: string; value: string }[] = template.spec.containers[0].env;
    assert.ok(data.emptyDir !== undefined || strategy.type === 'Recreate', 'a volume needs strategy Recreate');
    if (data.emptyDir !== undefined) assert.equal(env.find(({ name }) => name === 'LEDGER_DURABILITY')?.value, 'sync');
  });

  test('the other manifests are about that deployment', () => {
    const deployment = of('Deployment').metadata.name;
    assert.equal(of('HorizontalPodAutoscaler').spec.scaleTargetRef.name, deployment);
    assert.equal(of('PodDisruptionBudget').spec.maxUnavailable, 1);
    assert.ok(of('HorizontalPodAutoscaler').spec.minReplicas >= 2);
    const ports: { name: string }[] = of('Deployment').spec.template.spec.containers[0].ports;
    const names = new Set(ports.map(({ name }) => name));
    for (const { targetPort } of of('Service').spec.ports) assert.ok(names.has(targetPort));
    for (const { ports } of of('NetworkPolicy').spec.ingress) for (const { port } of ports) assert.ok(names.has(port));
    const labels = of('Deployment').spec.template.metadata.labels;
    for (const kind of ['Deployment', 'PodDisruptionBudget'])
      assert.deepEqual(of(kind).spec.selector.matchLabels, labels, kind);
    assert.deepEqual(of('NetworkPolicy').spec.podSelector.matchLabels, labels);
    assert.deepEqual(of('Service').spec.selector, labels);
  });

  test('monitoring is a kustomization of its own', () => {
    const [monitor] = manifestsIn(deployText('kubernetes/monitoring/podmonitor.yaml'));
    assert.deepEqual(monitor?.spec.selector.matchLabels, { 'app.kubernetes.io/name': 'rampart' });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import { Control } from '../../src/control/control.ts';
import { controlSocket } from '../../src/control/control-socket.ts';
import { ControlLink } from '../../src/control/link.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ValkeyClient } from '../../src/store/valkey/valkey-client.ts';
import type { TestGateway, TestGatewayOptions } from './gateway.ts';
import { closers, startBackend, startGateway } from './proxying.ts';
import { eventually } from './raw.ts';
import { fixedConfig } from './config-source.ts';
import { quietInstruments } from './instruments.ts';

const WORKERS = 4;

type RateHostOptions = TestGatewayOptions & { authenticate?: boolean; valkey?: ValkeyClient; workerCount?: number };

/** Some workers (four by default) that hold on to one control, all in this process. */
export interface RateHost {
  readonly workers: readonly TestGateway[];
  control: Control;
  startControl(): Promise<void>;
  /** What each worker has decided by its share so far, added up. */
  byShare(): number;
}

/** Resolves when control knows every worker. */
export async function startRateHost(options: RateHostOptions): Promise<RateHost> {
  const { workerCount = WORKERS, valkey } = options;
  const runFolder = mkdtempSync(join(tmpdir(), 'rampart-rates-'));
  const { env } = await loadConfig({ GENERATOR_INSTANCES: '1' }, import.meta.dirname);
  const config = buildConfig(env, {}, import.meta.dirname, new Set());
  const log = pino({ level: 'silent' });
  const { origin } = await startBackend((_req, res) => void res.end('ok'));
  const openControl = async (): Promise<Control> => {
    const control = new Control({
      ...quietInstruments(),
      ...fixedConfig(config, runFolder),
      clock: systemClock,
      random: () => 0.5,
      log,
      valkey,
      runFolder,
      version: '1',
    });
    await control.listen();
    return control;
  };
  const host: RateHost = {
    workers: [],
    control: await openControl(),
    startControl: async () => {
      host.control = await openControl();
      await allJoined();
    },
    byShare: () => host.workers.reduce((sum, worker) => sum + shareCount(worker), 0),
  };
  const allJoined = (): Promise<void> =>
    eventually('every worker has joined', () => (host.control.status()['workers'] as unknown[]).length === workerCount);
  closers.push(async () => {
    await host.control.close();
    rmSync(runFolder, { recursive: true, force: true });
  });
  for (let instance = 0; instance < workerCount; instance++) {
    const worker: TestGateway = await startGateway([origin], {
      cap: 1000,
      ...options,
      env: { GATEWAY_WORKERS: String(workerCount), ...options.env },
      sendTokenAsks: (asks) => link.offer({ type: 'tokens', asks }),
      sendPlaceAsks: (asks) => link.offer({ type: 'places', asks }),
    });
    const link = linkOf(worker, instance, controlSocket(runFolder));
    closers.push(() => link.close());
    (host.workers as TestGateway[]).push(worker);
  }
  await allJoined();
  return host;
}

function linkOf({ gateway }: TestGateway, instance: number, socketPath: string): ControlLink {
  const member = `m${instance}`;
  return new ControlLink({
    socketPath,
    hello: { type: 'hello', member, role: 'gateway', instance, pid: process.pid, version: '1', startedAtMs: 0 },
    ...quietInstruments(),
    clock: systemClock,
    random: () => 0.5,
    status: () => gateway.status(),
    onMessage: (message) => {
      if (message.type === 'tokens') gateway.applyTokens(message.grants, message.hosts);
      else if (message.type === 'places') gateway.applyPlaces(message.news);
      else if (message.type === 'keys-changed') gateway.forgetKeys();
    },
    onConnected: () => void gateway.controlFound(),
    onLost: () => gateway.controlLost(),
  });
}

const shareCount = (worker: TestGateway): number =>
  Number(/^rampart_rate_limit_by_share_total (\d+)$/m.exec(worker.metrics())?.[1] ?? 0);

/** Replies by status, and the time from the first request to the last reply. */
export interface FloodResult {
  readonly statuses: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export interface FloodOptions {
  /** Each is sent one request after the other, on a connection of its own. */
  readonly urls: readonly string[];
  readonly headers: Record<string, string>;
  readonly durationMs: number;
  /** Pause of each connection between requests. */
  readonly gapMs: number;
}

/** Sends requests over some connections, whatever comes back. */
export async function flood({ urls, headers, durationMs, gapMs }: FloodOptions): Promise<FloodResult> {
  const statuses: Record<string, number> = {};
  const startedAt = performance.now();
  const one = async (url: string): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let next = startedAt; performance.now() - startedAt < durationMs; next += gapMs) {
      const waitMs = next - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const status = await statusOf(url, headers, agent);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    agent.destroy();
  };
  await Promise.all(urls.map(one));
  return { statuses, seconds: (performance.now() - startedAt) / 1000 };
}

function statusOf(url: string, headers: Record<string, string>, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const req = request(url, { headers, agent }, (res) => {
      res.resume();
      res.on('end', () => resolve(String(res.statusCode)));
      res.on('error', () => resolve('cut'));
    });
    req.on('error', (error) => resolve(error.message));
    req.end();
  });
}

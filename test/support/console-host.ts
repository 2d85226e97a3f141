import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildConfig, loadConfig } from '../../src/config/config.ts';
import type { AdminOptions } from '../../src/control/admin-server.ts';
import { Control } from '../../src/control/control.ts';
import type { Slo } from '../../src/policy/slo/slo.ts';
import { systemClock } from '../../src/core/clock.ts';
import { startOpenAdmin } from './admin.ts';
import { fixedConfig } from './config-source.ts';
import { FakeLiveSource, type FakeState } from './fake-live-source.ts';
import { quietInstruments } from './instruments.ts';

/** A control whose host is in numbers only, with its console. */
export interface ConsoleHost {
  readonly url: string;
  readonly live: FakeLiveSource;
  readonly control: Control;
  /** The admin server stops, as if control were killed; `restart` begins another one on the same port. */
  stopServer(): void;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startConsoleHost(
  state: FakeState = 'well',
  options: Partial<AdminOptions> & {
    readonly backends?: number;
    readonly workers?: number;
    readonly startedAtMs?: number;
    readonly slo?: Slo;
  } = {},
): Promise<ConsoleHost> {
  const runFolder = mkdtempSync(join(tmpdir(), 'rampart-console-'));
  const { env } = await loadConfig({ GENERATOR_INSTANCES: '1' }, import.meta.dirname);
  const upstreams = { app: { backends: ['http://127.0.0.1:1'] } };
  const config = buildConfig(env, { upstreams, routes: [] }, import.meta.dirname, new Set());
  const control = new Control({
    ...quietInstruments(),
    ...fixedConfig(config, runFolder),
    clock: systemClock,
    random: () => 0.5,
    log: pino({ level: 'silent' }),
    runFolder,
    version: '1',
    slo: options.slo,
  });
  await control.listen();
  const { backends = 4, workers = 2, startedAtMs = Date.now(), slo: _slo, ...more } = options;
  const live = new FakeLiveSource(state, { backends, workers }, startedAtMs);
  let server = await startOpenAdmin(control, { live, ...more });
  const { port } = server.address() as AddressInfo;
  const timer = setInterval(() => live.step(), 1000);
  const stopServer = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return {
    url: `http://127.0.0.1:${port}/`,
    live,
    control,
    stopServer,
    restart: async () => {
      server = await startOpenAdmin(control, { live, ...more, port });
    },
    close: async () => {
      clearInterval(timer);
      stopServer();
      await control.close();
      rmSync(runFolder, { recursive: true, force: true });
    },
  };
}

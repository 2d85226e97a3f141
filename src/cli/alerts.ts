import { hostname } from 'node:os';
import { loadConfig } from '../config/config.ts';
import { postJson, type SinkResult } from '../control/alerts/sink.ts';
import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { alertmanagerBody, testAlert, webhookBody } from '../control/alerts/bodies.ts';
import { type CommandIo, exitCodes } from './io.ts';
import { readOptions } from './options.ts';

const help = `usage: rampart alerts test

Sends an alert named RampartTest to ALERT_WEBHOOK_URL and ALERTMANAGER_URL, and says what each receiver answered. Nothing of
Rampart has to run.

Exit codes: 0 every receiver took it, 1 one did not, 2 no receiver is set.
`;

const line = { command: 'alerts', help, words: ['test'], operands: { least: 1, most: 1, what: 'test' } } as const;

/** `rampart alerts`. */
export async function alerts(args: string[], io: CommandIo): Promise<number> {
  const options = readOptions(line, args, io);
  if (options === undefined) return exitCodes.ok;
  const { env } = await loadConfig(io.env, io.folder, 'send a test alert');
  const { ALERT_WEBHOOK_URL: webhook, ALERTMANAGER_URL: alertmanager } = env;
  if (webhook === undefined && alertmanager === undefined)
    throw new UsageError('Cannot send a test alert, as neither ALERT_WEBHOOK_URL nor ALERTMANAGER_URL is set');
  const nowMs = systemClock.wallNow();
  const adminUrl = `http://${env.ADMIN_HOST}:${env.ADMIN_PORT}/`;
  const alert = testAlert(hostname(), adminUrl, nowMs);
  // All at once: each may take its ten seconds.
  const results = await Promise.all([
    ...(webhook === undefined
      ? []
      : [sent('ALERT_WEBHOOK_URL', webhook, webhookBody({ reason: 'first', alerts: [alert] }, adminUrl))]),
    ...(alertmanager === undefined
      ? []
      : [
          sent(
            'ALERTMANAGER_URL',
            `${alertmanager.replace(/\/+$/, '')}/api/v2/alerts`,
            alertmanagerBody([alert], adminUrl, nowMs),
          ),
        ]),
  ]);
  for (const [name, result] of results)
    io.stdout.write(
      result.outcome === 'delivered' ? `${name}: delivered\n` : `${name}: ${result.outcome}: ${result.why}\n`,
    );
  return results.every(([, { outcome }]) => outcome === 'delivered') ? exitCodes.ok : exitCodes.failed;
}

const sent = async (name: string, url: string, body: unknown): Promise<[string, SinkResult]> => [
  name,
  await postJson(url, body),
];

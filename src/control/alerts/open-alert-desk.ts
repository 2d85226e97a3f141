import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ControlDependencies } from '../control-dependencies.ts';
import { AlertDesk } from './alert-desk.ts';
import { postJson } from './sink.ts';

/** The desk of a host's alerts, by its environment. */
export function openAlertDesk({
  config,
  clock,
  random,
  log,
  bugs,
  registry,
  runFolder,
  stateFolder = runFolder,
}: ControlDependencies): AlertDesk {
  const { ADMIN_HOST, ADMIN_PORT, ALERT_WEBHOOK_URL, ALERTMANAGER_URL } = config.env;
  return new AlertDesk({
    clock,
    random,
    log,
    bugs,
    registry,
    path: join(stateFolder, 'alerts.json'),
    origin: { host: hostname(), adminUrl: `http://${ADMIN_HOST}:${ADMIN_PORT}/` },
    webhookUrl: ALERT_WEBHOOK_URL,
    alertmanagerUrl: ALERTMANAGER_URL,
    post: postJson,
  });
}

import type { AdminTarget } from './admin-api.ts';
import { ask } from './ask.ts';
import { parseMetrics } from './metrics-text.ts';

/** The metrics of a Rampart that runs. Rejects if they cannot be read. */
export async function readMetrics(admin: AdminTarget): Promise<ReturnType<typeof parseMetrics>> {
  const headers = admin.token === undefined ? {} : { authorization: `Bearer ${admin.token}` };
  const { status, text } = await ask(admin, { path: '/metrics', headers });
  if (status !== 200) throw new Error(`Cannot read ${admin.url}/metrics: it was answered with ${status}`);
  return parseMetrics(text);
}

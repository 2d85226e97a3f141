import { test } from 'node:test';
import { Pool } from 'undici';
import { arrivalTimes } from '../src/lab/load/arrivals.ts';
import { seededRandom } from '../src/core/random.ts';
import { startBackend, startGateway } from './support/proxying.ts';
const SERVICE_MS = 40,
  CAP = 8;
const after = (ms: number) => (_q: any, res: any) => void setTimeout(() => res.end('ok'), ms);
const faults: any = {
  fast500: (_q: any, res: any) => void res.writeHead(500).end('no'),
  closing: (req: any) => void req.socket.destroy(),
  hanging: () => {},
};
async function offer(origin: string, durationMs: number, seed: number, tag: string) {
  const arrivals = arrivalTimes('poisson', (CAP * 1000) / SERVICE_MS, durationMs, seededRandom(seed));
  const pool = new Pool(origin, { connections: null, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 } as any);
  const t0 = performance.now();
  const all: Promise<any>[] = [];
  for (const at of arrivals) {
    const wait = at - (performance.now() - t0);
    if (wait > 0) await new Promise((r) => setTimeout(r, wait));
    const sent = performance.now() - t0;
    all.push(
      pool.request({ method: 'GET', path: '/', signal: AbortSignal.timeout(10000) }).then(
        async (r) => {
          const text = await r.body.text();
          const ms = performance.now() - t0 - at;
          if (r.statusCode !== 200 || ms > 500)
            console.log(
              tag,
              'at',
              at.toFixed(0),
              'sent',
              sent.toFixed(0),
              'ms',
              ms.toFixed(0),
              r.statusCode,
              JSON.stringify(r.headers),
              text.slice(0, 300),
            );
        },
        (e) => console.log(tag, 'at', at.toFixed(0), 'ERR', e.message, e.code),
      ),
    );
  }
  await Promise.all(all);
  await pool.destroy();
}
const N = Number(process.env['RUNS'] ?? 10);
const which = (process.env['FAULTS'] ?? 'fast500,closing,hanging').split(',');
test('scratch', async () => {
  for (let run = 0; run < N; run++)
    for (const name of which) {
      let behaviour: any = after(SERVICE_MS);
      const origins: string[] = [];
      for (let i = 0; i < 3; i++) origins.push((await startBackend(after(SERVICE_MS))).origin);
      origins.push((await startBackend((q, r) => behaviour(q, r))).origin);
      const rampart = await startGateway(origins, { cap: CAP, hedge: true, pure: true });
      await offer(rampart.url, 1500, run * 2 + 1, `${name} healthy`);
      behaviour = faults[name];
      await offer(rampart.url, 3000, run * 2 + 2, `${name} run ${run} port ${new URL(origins[3]!).port}`);
      const m = rampart
        .metrics()
        .split('\n')
        .filter((l) => /retr|hedg|outcome="(failure|timeout|refused)"|rejections/.test(l) && !l.startsWith('#'))
        .join(' ; ');
      if (process.env['V']) console.log(name, run, m);
    }
});

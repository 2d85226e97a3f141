import { request } from 'node:http';

/** When each version of a reply was first and last seen, in milliseconds. */
export interface SeenVersion {
  readonly version: string;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** Asks on fresh connections, so that every worker answers some of them, which version it serves. */
export function watchVersions(url: string): { stop(): Promise<{ seen: readonly SeenVersion[]; failures: string[] }> } {
  const seen = new Map<string, { version: string; firstAt: number; lastAt: number }>();
  const failures: string[] = [];
  const open = new Set<Promise<void>>();
  const ask = (): void => {
    const startedAt = performance.now();
    const asked = new Promise<void>((resolve) => {
      const req = request(url, { agent: false }, (res) => {
        let version = '';
        res.setEncoding('utf8').on('data', (chunk: string) => (version += chunk));
        res.on('end', () => {
          const known = seen.get(version) ?? { version, firstAt: performance.now(), lastAt: 0 };
          // The reply was made after the request was sent.
          seen.set(version, { ...known, lastAt: Math.max(known.lastAt, startedAt) });
          resolve();
        });
      });
      req.on('error', (error: NodeJS.ErrnoException) => {
        failures.push(error.code ?? error.message);
        resolve();
      });
      req.end();
    });
    open.add(asked);
    void asked.then(() => open.delete(asked));
  };
  const timer = setInterval(ask, 10);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return { seen: [...seen.values()], failures };
    },
  };
}

/** The longest time for which a version was still served after a later one was. */
export function longestOverlapMs(seen: readonly SeenVersion[]): number {
  const ordered = seen.toSorted((left, right) => left.firstAt - right.firstAt);
  return Math.max(0, ...ordered.slice(1).map((later, index) => (ordered[index] as SeenVersion).lastAt - later.firstAt));
}

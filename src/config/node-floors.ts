import type { Config } from './model.ts';

/** A release of Node with fixes without which a feature should not face strangers, and what they are. */
interface Floor {
  readonly feature: 'TLS' | 'HTTP/2';
  readonly version: string;
  readonly fixes: string;
}

/** By the release notes of Node 26.13.1 (2026-11-11). */
const floors: readonly Floor[] = [
  {
    feature: 'TLS',
    version: '26.13.1',
    fixes:
      'a crash that any client can cause (CVE-2026-126051), and sessions resumed across server names (CVE-2026-123872)',
  },
  {
    feature: 'HTTP/2',
    version: '26.13.1',
    fixes:
      'replies of other connections that a client can read (CVE-2026-123866), and memory that is never freed (CVE-2026-123863, -123865, -123868, -123874)',
  },
];

/** What the running Node lacks for the listeners of this configuration, one sentence each. */
export function nodeRemarks({ tls }: Pick<Config, 'tls'>, running: string): string[] {
  const used = tls === undefined ? [] : ['TLS', ...(tls.http2 ? ['HTTP/2'] : [])];
  return floors
    .filter(({ feature, version }) => used.includes(feature) && isOlder(running, version))
    .map(
      ({ feature, version, fixes }) =>
        `${feature} to clients needs Node ${version} or later, which fixes ${fixes}: this is ${running}. Until then, let Caddy or HAProxy in front speak ${feature}`,
    );
}

function isOlder(running: string, floor: string): boolean {
  const [ours, theirs] = [running, floor].map((version) => version.split('.').map(Number));
  for (const [index, part] of (theirs ?? []).entries()) {
    const own = ours?.[index] ?? 0;
    if (own !== part) return own < part;
  }
  return false;
}

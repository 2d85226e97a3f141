import { canonicalHost } from '../../core/host.ts';

/**
 * The host of a route: `any`, exact, or `*.` and a name, which stands for exactly one more label. Ports do not count,
 * and case does not either.
 */
export type HostPattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly name: string }
  | { readonly kind: 'wildcard'; readonly parent: string };

export function hostPattern(text: string | undefined): HostPattern {
  if (text === undefined) return { kind: 'any' };
  const name = text.startsWith('*.') ? `*.${canonicalHost(text.slice(2))}` : canonicalHost(text);
  return name.startsWith('*.') ? { kind: 'wildcard', parent: name.slice(2) } : { kind: 'exact', name };
}

/** The name of a canonical host without its port. */
export function hostName(host: string): string {
  const colon = host.lastIndexOf(':');
  return colon > host.lastIndexOf(']') ? host.slice(0, colon) : host;
}

/** The name after the first label; undefined for an address or a single label. */
export function parentOf(name: string): string | undefined {
  if (name.startsWith('[')) return undefined;
  const dot = name.indexOf('.');
  return dot <= 0 ? undefined : name.slice(dot + 1);
}

export const hostText = (pattern: HostPattern): string =>
  pattern.kind === 'any' ? 'any host' : pattern.kind === 'exact' ? pattern.name : `*.${pattern.parent}`;

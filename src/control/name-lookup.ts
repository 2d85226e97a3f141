import { promises } from 'node:dns';
import { isIP } from 'node:net';
import type { DiscoverConfig } from '../config/discover.ts';
import { codeOf } from '../core/errors.ts';
import type { FoundBackend } from '../policy/membership/discovered.ts';

/** An answer of DNS; no backends where the name has no records, or does not exist. */
export interface NameAnswer {
  readonly found: readonly FoundBackend[];
  /** The shortest TTL in the answer; undefined if it has none. */
  readonly ttlMs: number | undefined;
}

const TIMEOUT_MS = 2000;
const TRIES = 2;
/** Targets of SRV records that are looked up. */
const MOST_TARGETS = 64;
const absent = new Set(['ENODATA', 'ENOTFOUND']);

/** Asks DNS for the backends; rejects if a server fails or does not answer, also for a part of the answer. */
export async function lookUpBackends({ kind, name, port, servers }: DiscoverConfig): Promise<NameAnswer> {
  const resolver = new promises.Resolver({ timeout: TIMEOUT_MS, tries: TRIES, maxTimeout: TIMEOUT_MS });
  if (servers !== undefined) resolver.setServers(servers);
  return kind === 'addresses' ? addressesOf(resolver, name, port, 0) : servicesOf(resolver, name);
}

type Resolver = promises.Resolver;

async function addressesOf(resolver: Resolver, name: string, port: number, priority: number): Promise<NameAnswer> {
  const both = await Promise.all([
    orNone(resolver.resolve4(name, { ttl: true })),
    orNone(resolver.resolve6(name, { ttl: true })),
  ]);
  const records = both.flat().filter(({ address }) => isIP(address) !== 0);
  return {
    found: records.map(({ address }) => ({ address, port, priority })),
    ttlMs: records.length === 0 ? undefined : Math.min(...records.map(({ ttl }) => ttl)) * 1000,
  };
}

/** Node does not tell the TTL of SRV records, so that of their targets' addresses counts. */
async function servicesOf(resolver: Resolver, name: string): Promise<NameAnswer> {
  const services = await orNone(resolver.resolveSrv(name));
  // A target of `.` means that there is no such service (RFC 2782).
  const targets = services.filter((one) => one.name !== '' && one.name !== '.' && one.port > 0).slice(0, MOST_TARGETS);
  const answers = await Promise.all(
    targets.map((one) =>
      isIP(one.name) === 0
        ? addressesOf(resolver, one.name, one.port, one.priority)
        : { found: [{ address: one.name, port: one.port, priority: one.priority }], ttlMs: undefined },
    ),
  );
  const ttls = answers.flatMap(({ ttlMs }) => ttlMs ?? []);
  return { found: answers.flatMap(({ found }) => found), ttlMs: ttls.length === 0 ? undefined : Math.min(...ttls) };
}

/** No records of this kind are an answer; every other error is none. */
async function orNone<Found>(asking: Promise<Found[]>): Promise<Found[]> {
  try {
    return await asking;
  } catch (error) {
    if (absent.has(codeOf(error) ?? '')) return [];
    throw error;
  }
}

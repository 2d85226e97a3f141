import { z } from 'zod';
import type { Environment } from './environment.ts';
import { addressOrRange } from './route-access-schema.ts';

/** `proxyProtocol` in the configuration file. */
export const proxyProtocolSchema = z.strictObject({
  /** The port of a listener of its own, beside PORT. */
  port: z.int().min(1).max(65_535),
  /** The load balancers that are believed, as addresses and ranges (CIDR); connections of others are closed. */
  from: z.array(addressOrRange).min(1).max(1000),
  /** Whether TLS follows the head, with the certificates of TLS_PORT. False by default. */
  tls: z.boolean().optional(),
});

/** The listener for load balancers that speak the PROXY protocol, version 2. */
export interface ProxyProtocolConfig {
  readonly port: number;
  /** The load balancers that are believed. */
  readonly from: readonly string[];
  /** Whether TLS follows the head. */
  readonly tls: boolean;
}

type ProxyProtocolFile = z.output<typeof proxyProtocolSchema>;

/** The listener for load balancers; undefined: none. */
export function proxyProtocolOf(file: ProxyProtocolFile | undefined): ProxyProtocolConfig | undefined {
  return file && { port: file.port, from: file.from, tls: file.tls ?? false };
}

/** Settings that do not fit the others. `given`: the variables that are set, also wrongly. */
export function proxyProtocolProblems(
  env: Environment,
  file: ProxyProtocolFile | undefined,
  given: ReadonlySet<string> = new Set(),
): string[] {
  if (file === undefined) return [];
  const problems: string[] = [];
  for (const name of ['PORT', 'ADMIN_PORT', 'TLS_PORT'] as const)
    if (env[name] === file.port)
      problems.push(`proxyProtocol.port must differ from ${name}: got ${file.port} for both`);
  const lastPort = env.GENERATOR_PORT + env.GENERATOR_INSTANCES - 1;
  if (file.port >= env.GENERATOR_PORT && file.port <= lastPort)
    problems.push(
      `proxyProtocol.port must lie outside the ports of the generators, ${env.GENERATOR_PORT} to ${lastPort}`,
    );
  if (file.tls === true && env.TLS_PORT === undefined && !given.has('TLS_PORT'))
    problems.push('proxyProtocol.tls needs TLS_PORT, as it presents the same certificates');
  return problems;
}

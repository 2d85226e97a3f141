import { availableParallelism } from 'node:os';
import { type BalancerName, balancerNames, defaultBalancer } from '../policy/balance/balancer.ts';
import { otelVariables } from './otel-variables.ts';
import { mayHoldSecret } from './secret-variables.ts';
import {
  addressList,
  anyText,
  byteSize,
  none,
  oneOf,
  optional,
  pathOrOff,
  positiveNumber,
  urlOf,
  valkeyUrl,
  type Variable,
  variable,
  wholeNumber,
} from './variable.ts';

const port = wholeNumber(1, 65_535);
const timeout = wholeNumber(1, 3_600_000);

/** Every variable that Rampart reads, with its default: the table of the contract. */
export const variables = {
  PORT: variable(8080, port, 'public listener'),
  HOST: variable('127.0.0.1', anyText('an address or a host name'), 'public listener'),
  ADMIN_PORT: variable(8081, port, 'admin API and /metrics'),
  ADMIN_HOST: variable(
    '127.0.0.1',
    anyText('an address or a host name'),
    'admin listener; needs ADMIN_TOKEN when not on loopback',
  ),
  ADMIN_TOKEN: variable<string | undefined>(
    none,
    optional(anyText('a token of at least 16 characters')),
    'bearer token of the admin API',
  ),
  ADMIN_READ_TOKEN: variable<string | undefined>(
    none,
    optional(anyText('a token of at least 16 characters')),
    'bearer token that only reads from the admin API; needs ADMIN_TOKEN',
  ),
  GATEWAY_WORKERS: variable(availableParallelism, wholeNumber(1, 256), 'gateway processes'),
  GENERATOR_INSTANCES: variable(
    availableParallelism,
    wholeNumber(0, 256),
    'generator processes; 0 for a gateway alone, without barcode routes',
  ),
  GENERATOR_PORT: variable(9100, port, 'first generator port; instance i listens on +i'),
  GENERATOR_CONCURRENCY: variable(4, wholeNumber(1, 1024), 'cap per generator'),
  GENERATOR_KIND: variable<'barcode' | 'calibrated'>(
    'barcode',
    oneOf('barcode', 'calibrated'),
    'barcode, or calibrated (known capacity, for proofs)',
  ),
  CALIBRATED_SERVICE_TIME_MS: variable(55, positiveNumber(60_000), 'service time of a calibrated generator'),
  CALIBRATED_LAW: variable<'deterministic' | 'exponential'>(
    'deterministic',
    oneOf('deterministic', 'exponential'),
    'service law of a calibrated generator',
  ),
  QUEUE_CAPACITY: variable(
    256,
    wholeNumber(0, 100_000),
    'waiting requests per upstream and host; ten times the permits, if that is more and it is not set',
  ),
  QUEUE_TIMEOUT_MS: variable(1000, timeout, 'longest wait in the queue; where it is set, waits up to it are let in'),
  SPOOL_MAX_BYTES: variable(1024 ** 3, byteSize, 'disk space for slow uploads and replies, per host'),
  BALANCER: variable<BalancerName>(
    defaultBalancer,
    oneOf(...balancerNames),
    'how a backend is chosen; see docs/balancing.md',
  ),
  UPSTREAM_TIMEOUT_MS: variable(30_000, timeout, 'longest wait for a backend'),
  CONNECT_TIMEOUT_MS: variable(1000, timeout, 'longest wait for a connection to a backend'),
  SHUTDOWN_DELAY_MS: variable(
    0,
    wholeNumber(0, 3_600_000),
    'how long a worker that was asked to stop goes on accepting, with /readyz at 503',
  ),
  DRAIN_TIMEOUT_MS: variable(
    120_000,
    wholeNumber(0, 86_400_000),
    'then, the longest that open requests may take; 0 for no limit',
  ),
  KEEP_ALIVE_TIMEOUT_MS: variable(75_000, timeout, 'how long a client connection may be idle'),
  CONNECTION_MAX_AGE_SECONDS: variable(
    300,
    wholeNumber(0, 31_536_000),
    'age after which a reply closes its client connection, give or take a tenth; 0 for none',
  ),
  DATABASE_URL: variable<string | undefined>(
    none,
    urlOf('postgres:', 'postgresql:'),
    'PostgreSQL; embedded in RAMPART_DATA_DIR when not set',
  ),
  DATABASE_DIRECT_URL: variable<string | undefined>(
    none,
    urlOf('postgres:', 'postgresql:'),
    'the same PostgreSQL without a pooler in between, where DATABASE_URL has one in transaction mode',
  ),
  DATABASE_POOL_MAX: variable<number | undefined>(
    none,
    optional(wholeNumber(1, 1000)),
    'connections per process; sized from max_connections when not set',
  ),
  DATABASE_POOL_MIN: variable(
    2,
    wholeNumber(0, 1000),
    'connections per worker that are opened at its start and stay open',
  ),
  DATABASE_IDLE_TIMEOUT_MS: variable(60_000, timeout, 'how long a connection beyond DATABASE_POOL_MIN may be idle'),
  DATABASE_STATEMENT_TIMEOUT_MS: variable(10_000, timeout, 'how long a statement of a request may take'),
  DATABASE_POOL_TIMEOUT_MS: variable(2000, timeout, 'longest wait for a database connection'),
  LEDGER_BATCH_SIZE: variable(200, wholeNumber(1, 10_000), 'most records per insert'),
  LEDGER_FLUSH_MS: variable(50, wholeNumber(1, 60_000), 'longest wait of a record before its insert'),
  LEDGER_FSYNC_MS: variable(
    200,
    wholeNumber(0, 60_000),
    'longest time before a record on the disk survives a loss of power; 0: before the reply',
  ),
  LEDGER_MAX_BYTES: variable(1024 ** 3, byteSize, 'disk space for records that PostgreSQL does not have, per host'),
  LEDGER_WHEN_FULL: variable<'refuse' | 'drop'>('refuse', oneOf('refuse', 'drop'), 'what happens to further records'),
  LEDGER_DURABILITY: variable<'sync' | 'wal' | 'memory'>('wal', oneOf('sync', 'wal', 'memory'), 'sync, wal or memory'),
  LEDGER_RETENTION_DAYS: variable(0, wholeNumber(0, 36_500), 'how many days records are kept; 0: for ever'),
  IDEMPOTENCY_WINDOW_HOURS: variable(24, wholeNumber(1, 8760), 'how long an Idempotency-Key is remembered'),
  CACHE_MAX_BYTES: variable(64 * 1024 ** 2, byteSize, 'cache size per worker'),
  CACHE_TTL_SECONDS: variable(600, wholeNumber(0, 31_536_000), 'how long a rendered image is fresh'),
  BATCH_WORKERS: variable(1, wholeNumber(0, 64), 'batch processes; 0: batches are accepted and wait'),
  BATCH_RETENTION_DAYS: variable(
    30,
    wholeNumber(0, 36_500),
    'how long a batch and its results are kept after its end; 0 for ever. Its barcodes are records of their own',
  ),
  BATCH_CONCURRENCY: variable(1, wholeNumber(1, 256), 'items that a batch process has in flight at a time'),
  BATCH_WEBHOOK_ALLOW: variable<readonly string[]>(
    () => [],
    addressList,
    'addresses that webhooks may reach beside public ones, also over http',
  ),
  ALERT_WEBHOOK_URL: variable<string | undefined>(
    none,
    urlOf('http:', 'https:'),
    "where alerts are posted, as by Alertmanager's webhook",
  ),
  ALERTMANAGER_URL: variable<string | undefined>(
    none,
    urlOf('http:', 'https:'),
    'an Alertmanager that gets the alerts',
  ),
  VALKEY_URL: variable<string | undefined>(
    none,
    valkeyUrl,
    'a Valkey, or a Redis from 7.0 on, that several hosts share: leases, limits and purges',
  ),
  VALKEY_CACHE_URL: variable<string | undefined>(
    none,
    valkeyUrl,
    'another one, which evicts, for the cache that the hosts of VALKEY_URL share',
  ),
  TLS_PORT: variable<number | undefined>(none, optional(port), 'TLS listener beside PORT'),
  TLS_CERT_FILE: variable<string | undefined>(
    none,
    optional(anyText('a file')),
    'certificate with its chain, in PEM form; further ones by name in the configuration file',
  ),
  TLS_KEY_FILE: variable<string | undefined>(none, optional(anyText('a file')), 'private key of TLS_CERT_FILE'),
  HTTP2: variable<'on' | 'off'>('off', oneOf('on', 'off'), 'whether clients of TLS_PORT may choose HTTP/2'),
  RAMPART_DATA_DIR: variable(
    '.rampart',
    anyText('a folder'),
    'embedded database, sockets, records on their way, lab runs',
  ),
  RAMPART_CONFIG: variable<string | undefined>(
    none,
    optional(anyText('a file')),
    'routes, upstreams, SLOs; rampart.config.ts if present',
  ),
  RAMPART_SLO: variable<string | undefined>(
    none,
    optional(anyText('a file')),
    'objectives, alerts and gates; slo.yaml if present',
  ),
  ACCESS_LOG: variable<string | undefined>(
    none,
    pathOrOff,
    'one JSON line for each request: a path, - for standard output, or off',
  ),
  ...otelVariables,
  LOG_LEVEL: variable<LogLevel>(
    'info',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'least severe level that is logged',
  ),
} as const;

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** The parsed value of every variable. */
export type Environment = {
  readonly [Name in keyof typeof variables]: (typeof variables)[Name] extends Variable<infer T> ? T : never;
};

/** Reads every variable; an empty text counts as not set. Each problem is one sentence that names the variable. */
export function parseEnvironment(env: Readonly<Record<string, string | undefined>>): {
  values: Environment;
  /** The names of those that were set. */
  given: ReadonlySet<string>;
  problems: string[];
} {
  const given = new Set<string>();
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, { parse, fallback }] of Object.entries<Variable<unknown>>(variables)) {
    const text = env[name];
    const parsed = text === undefined || text === '' ? undefined : parse(text);
    if (parsed !== undefined) given.add(name);
    if (parsed !== undefined && !parsed.ok) problems.push(`${name} ${parsed.expected}: got ${shown(name, text)}`);
    values[name] = parsed?.ok ? parsed.value : fallback();
  }
  return { values: values as Environment, given, problems };
}

/** Passwords and tokens must reach neither terminal nor log, even when they are malformed. */
function shown(name: string, text = ''): string {
  return mayHoldSecret(name) ? 'a value that is not shown, as it may hold a secret' : `'${text.slice(0, 80)}'`;
}

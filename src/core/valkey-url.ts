/** Where a Valkey or Redis is, and how to enter it. */
export interface ValkeyAddress {
  /** The server, or the sentinels that know it. */
  readonly nodes: readonly ValkeyNode[];
  /** The name by which the sentinels know the server; undefined if `nodes` is the server itself. */
  readonly sentinelName: string | undefined;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Sentinels have a password of their own, or none. */
  readonly sentinelPassword: string | undefined;
  readonly database: number;
}

interface ValkeyNode {
  readonly host: string;
  readonly port: number;
}

const SERVER_PORT = 6379;
const SENTINEL_PORT = 26_379;

const FORM =
  /^(?<scheme>redis|rediss|valkey|valkeys)(?<sentinel>-sentinel)?:\/\/(?:(?<user>[^/?#]*)@)?(?<hosts>[^/?#@]+)(?:\/(?<path>[^?#]*))?(?:\?sentinel-password=(?<sentinelPassword>[^&#]*))?$/;
const NODE = /^(?<host>\[[\da-f:.]+\]|[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/i;
const EXPECTED =
  'must be a URL such as redis://user:password@host:6379/0, rediss:// for TLS (valkey:// and valkeys:// are the same), or redis-sentinel://user:password@host1:26379,host2:26379/NAME';

/**
 * The parts of a URL of Valkey; a text that says what it must be if it is none. For sentinels the path is the name of
 * the server, and a database may follow it: `redis-sentinel://:password@host1,host2/NAME/1?sentinel-password=secret`.
 */
export function valkeyAddress(text: string): ValkeyAddress | string {
  const { scheme, sentinel, user, hosts = '', path = '', sentinelPassword } = FORM.exec(text)?.groups ?? {};
  if (scheme === undefined) return EXPECTED;
  const isSentinel = sentinel !== undefined;
  const [name, number = ''] = isSentinel ? path.split('/', 2) : [undefined, path];
  const nodes = hosts.split(',').map((node) => nodeOf(node, isSentinel ? SENTINEL_PORT : SERVER_PORT));
  const database = number === '' ? 0 : /^\d{1,5}$/.test(number) ? Number(number) : undefined;
  const credentials = credentialsOf(user);
  const secret = sentinelPassword === undefined ? undefined : decoded(sentinelPassword);
  if (!isSentinel && (nodes.length > 1 || sentinelPassword !== undefined)) return EXPECTED;
  if (isSentinel && (name === '' || path.split('/').length > 2))
    return 'must name the server after the sentinels: /NAME';
  if (database === undefined) return 'must have a number as its database';
  if (credentials === undefined || secret === null)
    return 'must have its user and password in percent-encoding, with a colon between them';
  if (!nodes.every((node) => node !== undefined)) return EXPECTED;
  return {
    nodes,
    sentinelName: name,
    isTls: scheme.endsWith('s') && scheme !== 'redis',
    ...credentials,
    sentinelPassword: secret,
    database,
  };
}

function nodeOf(text: string, defaultPort: number): ValkeyNode | undefined {
  const { host, port = String(defaultPort) } = NODE.exec(text)?.groups ?? {};
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** `user:password` or `:password`; a user without a password is none. */
function credentialsOf(text = ''): Pick<ValkeyAddress, 'username' | 'password'> | undefined {
  if (text === '') return { username: undefined, password: undefined };
  const at = text.indexOf(':');
  const username = decoded(text.slice(0, Math.max(at, 0)));
  const password = decoded(text.slice(at + 1));
  if (at < 0 || username === null || password === null || password === '') return undefined;
  return { username: username === '' ? undefined : username, password };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

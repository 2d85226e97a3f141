/** The URL of a backend: `http://host:port`, `https://host:port`, or `unix:/path/of/its/socket`. */
export interface BackendUrl {
  /** The URL in one form, by which backends are compared. */
  readonly origin: string;
  /** The name in metrics and logs. */
  readonly id: string;
  /** The path of its Unix socket; undefined for a host. */
  readonly socketPath: string | undefined;
}

const wanted = 'must be an origin such as http://127.0.0.1:3000, https://api.example or unix:/run/app.sock';
const UNIX = 'unix:';

/** The longest path that Linux takes for a socket; macOS takes 103 bytes. */
const MOST_PATH_BYTES = 107;

/** Parses the URL of a backend; a text says what is wrong with it. */
export function parseBackendUrl(text: string): BackendUrl | string {
  if (text.startsWith(UNIX)) return unixUrl(text.slice(UNIX.length));
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '') return wanted;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    return 'must be an origin such as http://127.0.0.1:3000, without path, query or credentials';
  return { origin: url.origin, id: url.protocol === 'https:' ? url.origin : url.host, socketPath: undefined };
}

function unixUrl(path: string): BackendUrl | string {
  if (!path.startsWith('/') || path.includes('\0') || path.startsWith('//'))
    return 'must have an absolute path after unix:, such as unix:/run/app.sock';
  if (Buffer.byteLength(path) > MOST_PATH_BYTES)
    return `must have a path of at most ${MOST_PATH_BYTES} bytes after unix:`;
  const origin = `${UNIX}${path}`;
  return { origin, id: origin, socketPath: path };
}

/** The path of the Unix socket of an origin; undefined for a host. */
export const socketPathOf = (origin: string): string | undefined =>
  origin.startsWith(UNIX) ? origin.slice(UNIX.length) : undefined;

/** The same backend as an HTTP client takes it: with `localhost` where it has a socket. */
export const httpOrigin = (origin: string): string => (origin.startsWith(UNIX) ? 'http://localhost' : origin);

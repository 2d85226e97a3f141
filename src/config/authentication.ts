import { publicKeyAlgorithms } from './auth-schema.ts';
import type { CertificateAuthConfig } from './certificate-model.ts';
import type { ParsedConfigFile } from './file-schema.ts';
import type { Authentication, BasicAuthConfig, ForwardAuthConfig, JwtConfig, RouteConfig } from './model.ts';

type RouteFile = NonNullable<ParsedConfigFile['routes']>[number];
/** The settings of the whole file. */
export type AuthFile = Pick<ParsedConfigFile, 'jwt' | 'basic' | 'forward' | 'certificate'>;

/** How the clients of a route say who they are. A route that answers by itself asks nobody, unless it says otherwise. */
export function authenticationOf({ authenticate, upstream, upstreams }: RouteFile): Authentication {
  if (authenticate === undefined) return (upstream ?? upstreams) === undefined ? 'none' : 'key';
  if (typeof authenticate === 'string') return authenticate;
  return authenticate ? 'key' : 'none';
}

/** The settings of a route's way, its own or those of the file. */
export function authSettings(
  route: RouteFile,
  file: AuthFile,
): Pick<RouteConfig, 'authenticate' | 'authentication' | 'jwt' | 'basic' | 'forward' | 'certificate'> {
  const authentication = authenticationOf(route);
  return {
    authenticate: authentication !== 'none',
    authentication,
    jwt: authentication === 'jwt' ? jwtOf(route.jwt ?? file.jwt) : undefined,
    basic: authentication === 'basic' ? basicOf(route.basic ?? file.basic) : undefined,
    forward: authentication === 'forward' ? forwardOf(route.forward ?? file.forward) : undefined,
    certificate: authentication === 'certificate' ? certificateOf(route.certificate ?? file.certificate) : undefined,
  };
}

function jwtOf(jwt: AuthFile['jwt']): JwtConfig | undefined {
  if (jwt === undefined) return undefined;
  const listed = (text: string | string[]): string[] => (typeof text === 'string' ? [text] : text);
  const { claimsToHeaders = {} } = jwt;
  return {
    issuer: listed(jwt.issuer),
    audience: listed(jwt.audience),
    jwksUrl: jwt.jwksUrl,
    jwks: jwt.jwks as JwtConfig['jwks'],
    algorithms: jwt.algorithms ?? publicKeyAlgorithms,
    clockSkewSeconds: jwt.clockSkewSeconds ?? 30,
    claimsToHeaders: Object.fromEntries(
      Object.entries(claimsToHeaders).map(([claim, name]) => [claim, name.toLowerCase()]),
    ),
    require: jwt.require ?? {},
    cookie: jwt.cookie,
  };
}

function certificateOf({
  client = 'subject',
  require = {},
  toHeaders = {},
}: NonNullable<AuthFile['certificate']> = {}): CertificateAuthConfig {
  const listed = (part: string, values: string | string[]): string[] =>
    [values].flat().map((value) => (part === 'fingerprint' || part === 'serial' ? hexOf(value) : value));
  return {
    client,
    require: Object.fromEntries(
      Object.entries(require).flatMap(([part, values]) => (values === undefined ? [] : [[part, listed(part, values)]])),
    ),
    toHeaders: Object.fromEntries(
      Object.entries(toHeaders).flatMap(([part, name]) => (name === undefined ? [] : [[part, name.toLowerCase()]])),
    ),
  };
}

/** `openssl x509 -fingerprint` writes colons and capital letters. */
const hexOf = (text: string): string => text.replaceAll(':', '').toLowerCase();

const basicOf = (basic: AuthFile['basic']): BasicAuthConfig | undefined =>
  basic && { users: basic.users, realm: basic.realm ?? 'rampart' };

function forwardOf(forward: AuthFile['forward']): ForwardAuthConfig | undefined {
  if (forward === undefined) return undefined;
  const { upstream, path, requestHeaders = ['authorization', 'cookie'], toBackend = [] } = forward;
  return {
    upstream,
    path,
    requestHeaders: requestHeaders.map((name) => name.toLowerCase()),
    toBackend: toBackend.map((name) => name.toLowerCase()),
    cacheSeconds: forward.cacheSeconds ?? 0,
    timeoutMs: forward.timeoutMs ?? 5000,
  };
}

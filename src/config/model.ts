import type { JSONWebKeySet } from 'jose';
import type { Priority } from '../policy/admission/priority.ts';
import type { BalancerName } from '../policy/balance/balancer.ts';
import type { CacheRules } from '../policy/cache/storing.ts';
import type { CompressionRules } from '../policy/compression/compressible.ts';
import type { CorsRules } from '../policy/routing/cors.ts';
import type { PathChange } from '../policy/routing/path-rewrite.ts';
import type { RedirectRule } from '../policy/routing/redirect-target.ts';
import type { RetryRules } from '../policy/retry/retryable.ts';
import type { BackendConfig } from '../protocol/backends.ts';
import type { RateLimit } from '../protocol/tokens.ts';
import type { CertificateAuthConfig } from './certificate-model.ts';
import type { DiscoverConfig } from './discover.ts';
import type { Environment } from './environment.ts';
import type { FleetConfig } from './fleet-model.ts';
import type { ProxyProtocolConfig } from './proxy-protocol.ts';

/** How a backend is checked. */
export interface HealthCheck {
  readonly path: string;
  /** The Host of the check; undefined: the backend's own address. */
  readonly host: string | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Passed checks in a row that bring a backend up, failed ones that take it down. */
  readonly rise: number;
  readonly fall: number;
  /** As the upstream has it. */
  readonly tls?: UpstreamTls | undefined;
  /** Whether what a backend that went down has not answered is cancelled, and sent to another where that is safe. */
  readonly cancelOnDown: boolean;
}

/** How an upstream with https backends is asked. The files are read again when they change. */
export interface UpstreamTls {
  /** Certificates of authorities in place of the well-known ones. */
  readonly caFile: string | undefined;
  /** The gateway's own certificate and key, for backends that ask for one. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** The name in the backends' certificates; undefined: their host. */
  readonly serverName: string | undefined;
  /** Whether certificates are verified. */
  readonly verify: boolean;
}

export interface UpstreamConfig {
  readonly name: string;
  /** The backends at the start; others may join and leave (ADR 40). */
  readonly backends: readonly BackendConfig[];
  /** How its backends are found in DNS; undefined: they are listed. */
  readonly discover?: DiscoverConfig | undefined;
  /** Whether processes of this host announce themselves to control as its backends. */
  readonly isAnnounced: boolean;
  /** Requests in flight at one backend, counted over the whole host. */
  readonly cap: number;
  /** Permits that bulk requests leave free, over the whole host; undefined: none. */
  readonly reserved?: number | undefined;
  /** How the cap is shared by all hosts; undefined: each host has the whole of it. */
  readonly fleet?: FleetConfig | undefined;
  /** Undefined: its backends are not checked. */
  readonly health: HealthCheck | undefined;
  /** Whether a worker is ready only while one of its backends is up. */
  readonly required: boolean;
  readonly queueCapacity: number;
  /** Room in the queue for each permit, where that is more; 0 if the capacity was set. */
  readonly queuePerPermit: number;
  readonly queueTimeoutMs: number;
  /** Otherwise a wait may take longer where the work does. */
  readonly isQueueTimeoutSet: boolean;
  readonly admission: AdmissionConfig;
  readonly balancer: BalancerName;
  /** What a session is, if each has a backend of its own. */
  readonly hashBy?: string | undefined;
  readonly streams: { readonly max: number; readonly idleTimeoutMs: number };
  readonly replyHeadBytes: number;
  /** Undefined: as usual for https backends. */
  readonly tls?: UpstreamTls | undefined;
}

/** Admission when all permits are in use. */
export interface AdmissionConfig {
  /** `fixed`: the caps are the limit. `adaptive`: fewer, where trials show that throughput does not suffer. */
  readonly limit: 'fixed' | 'adaptive';
  /** Requests in flight at all backends that an adaptive limit leaves. */
  readonly minLimit: number;
  /** Longest wait that a request may expect; `auto` follows the rate at which the upstream serves. */
  readonly maxWaitMs: number | 'auto';
}

/** How the replies of a route are kept. */
export interface RouteCache extends CacheRules {
  readonly maxEntryBytes: number;
  /** The part of the cache that the route may take; undefined: all of it. */
  readonly maxBytes: number | undefined;
}

/** A text that the gateway answers with. */
export interface StaticBody {
  readonly body: string;
  readonly contentType: string;
}

/** Error pages by status, or by `4xx` and `5xx`. */
export type ErrorPages = Readonly<Record<string, StaticBody>>;

export interface StaticReply extends StaticBody {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
}

export interface Redirect extends RedirectRule {
  readonly status: number;
}

/** How path and host change on the way to a backend. */
export interface Rewrite extends PathChange {
  readonly host: string | undefined;
}

export interface HeaderRules {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** How a client says who it is. */
export type Authentication = 'none' | 'key' | 'jwt' | 'basic' | 'forward' | 'certificate';

/** How tokens are checked (RFC 7519). */
export interface JwtConfig {
  readonly issuer: readonly string[];
  readonly audience: readonly string[];
  /** Either this or `jwks`. */
  readonly jwksUrl: string | undefined;
  readonly jwks: JSONWebKeySet | undefined;
  readonly algorithms: readonly string[];
  readonly clockSkewSeconds: number;
  readonly claimsToHeaders: Readonly<Record<string, string>>;
  readonly require: Readonly<Record<string, string>>;
  readonly cookie: string | undefined;
}

export interface BasicAuthConfig {
  /** Hashes of passwords by user name. */
  readonly users: Readonly<Record<string, string>>;
  readonly realm: string;
}

/** An upstream that decides who may come in. */
export interface ForwardAuthConfig {
  readonly upstream: string;
  readonly path: string;
  readonly requestHeaders: readonly string[];
  readonly toBackend: readonly string[];
  readonly cacheSeconds: number;
  readonly timeoutMs: number;
}

/** How much one client may use a route, over this host. */
export interface RouteLimitConfig {
  /** Undefined: any rate. */
  readonly rate: RateLimit | undefined;
  /** Requests in flight at a time; undefined: any number. */
  readonly inFlight: number | undefined;
  /** What it counts by: `key`, `address`, `header:NAME` or `cookie:NAME`. */
  readonly by: string;
  /** The header field that says what a request costs; undefined: one each. */
  readonly cost: { readonly header: string; readonly of: 'request' | 'response' } | undefined;
}

export interface RouteConfig {
  readonly endpoint: string;
  /** Undefined: every host. */
  readonly host: string | readonly string[] | undefined;
  readonly path: string;
  /** Undefined: every method. */
  readonly methods: readonly string[] | undefined;
  readonly headers: Readonly<Record<string, string | true>> | undefined;
  readonly query: Readonly<Record<string, string | true>> | undefined;
  /** A route has one of `upstream`, `upstreams`, `redirect` and `static`. */
  readonly upstream: string | undefined;
  readonly upstreams: readonly { readonly upstream: string; readonly weight: number }[] | undefined;
  /** What decides among `upstreams`: `key`, `address`, `random`, `header:NAME` or `cookie:NAME`. */
  readonly splitBy: string;
  readonly redirect: Redirect | undefined;
  readonly static: StaticReply | undefined;
  readonly rewrite: Rewrite | undefined;
  readonly request: HeaderRules | undefined;
  readonly response: HeaderRules | undefined;
  readonly errorPages: ErrorPages | undefined;
  /** Whether a client must say who it is; false for `authentication: 'none'`. */
  readonly authenticate: boolean;
  readonly authentication: Authentication;
  /** The settings of that way; undefined for the other ways. */
  readonly jwt: JwtConfig | undefined;
  readonly basic: BasicAuthConfig | undefined;
  readonly forward: ForwardAuthConfig | undefined;
  readonly certificate: CertificateAuthConfig | undefined;
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[] | undefined;
  readonly cors: CorsRules | undefined;
  /** Parameters of the path that no log shows. */
  readonly secret: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly priority: Priority | undefined;
  readonly limit: RouteLimitConfig | undefined;
  /** Copies requests to another upstream; `percent` of them. */
  readonly mirror: { readonly upstream: string; readonly percent: number } | undefined;
  /** Whether doing it twice is the same as doing it once, whatever its method. */
  readonly pure: boolean;
  /** Whether a second backend is asked when the first takes longer than most do. */
  readonly hedge: boolean;
  readonly compress: CompressionRules | undefined;
  readonly cache: RouteCache | undefined;
  readonly paths: 'strict' | 'literal';
  readonly upload: 'buffer' | 'stream';
  readonly bufferBodyBytes: number;
  readonly bufferReplyBytes: number;
  readonly idleTimeoutMs: number | undefined;
  readonly longLived: boolean;
  /** The event streams of the route are work of a backend, so each holds its permit to its end. */
  readonly streamsAreWork: boolean;
  readonly retry: RetryRules | false;
}

/** The files of a certificate. */
export interface CertificateFiles {
  /** The certificate, then those of its issuers, in PEM form. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The host names for which it is presented; undefined: those in the certificate. */
  readonly names: readonly string[] | undefined;
}

/** The TLS listener. */
export interface TlsConfig {
  readonly port: number;
  /** At least one; the first is presented where none fits the name. */
  readonly certificates: readonly CertificateFiles[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Clients are asked for a certificate of one of these authorities; undefined: they are not. */
  readonly clientCaFile: string | undefined;
  /** Otherwise a client may present one. */
  readonly needsClientCertificate: boolean;
  /** Whether clients may choose HTTP/2 (ALPN). */
  readonly http2: boolean;
}

/** The access log. */
export interface AccessLogConfig {
  /** A path, or `-` for standard output; undefined: off. */
  readonly target: string | undefined;
  /** The share of requests that are logged among those that neither failed nor were slow. */
  readonly sampleRate: number;
  readonly slowMs: number;
  /** The names of the query parameters that are logged. */
  readonly query: readonly string[];
  readonly clientAddress: 'full' | 'network' | 'none';
}

/** Everything that a process needs to know, parsed once and frozen. */
export interface Config {
  readonly env: Environment;
  readonly dataDir: string;
  readonly upstreams: readonly UpstreamConfig[];
  readonly routes: readonly RouteConfig[];
  readonly trustedProxies: readonly string[];
  readonly connections: {
    /** Undefined: as many as the limit of file descriptors allows. */
    readonly max: number | undefined;
    readonly maxPerAddress: number | undefined;
    readonly maxPipelined: number;
  };
  readonly accessLog: AccessLogConfig;
  readonly traces: { readonly trust: 'anyone' | 'trustedProxies' };
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
  /** Undefined: no TLS listener. */
  readonly tls: TlsConfig | undefined;
  readonly headers: { readonly via: boolean; readonly serverTiming: boolean };
  /** Where Rampart's own endpoints are; false: nowhere. */
  readonly builtin: false | { readonly host: string | undefined; readonly prefix: string };
  /** Those of requests whose route has none. */
  readonly errorPages: ErrorPages | undefined;
  /** The rate limit of every key that has none of its own. */
  readonly keyLimit: RateLimit | undefined;
  /** Requests in flight of every key; undefined: any number. */
  readonly keyInFlight: number | undefined;
  /** The rate of items of batches of every key. */
  readonly bulkLimit: RateLimit | undefined;
  /** The rate limit of every client address. */
  readonly addressLimit: RateLimit | undefined;
}

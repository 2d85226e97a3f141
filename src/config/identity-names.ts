import type { RouteConfig } from './model.ts';

/**
 * The header fields by which any route tells its backends who the client is, in lower case. No client may send them, on no
 * route: a backend may serve several.
 */
export function identityNames(routes: readonly RouteConfig[]): ReadonlySet<string> {
  return new Set(
    routes.flatMap(({ jwt, forward, certificate }) => [
      ...Object.values(jwt?.claimsToHeaders ?? {}),
      ...(forward?.toBackend ?? []),
      ...Object.values(certificate?.toHeaders ?? {}),
    ]),
  );
}

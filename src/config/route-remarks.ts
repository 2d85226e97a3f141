import type { RouteConfig } from './model.ts';

type Route = Pick<RouteConfig, 'endpoint' | 'path' | 'authenticate' | 'methods'>;

/**
 * Routes that need a key, where another spelling of the path goes to a route that needs none. Paths are compared as they
 * are; many frameworks ignore case and a slash at the end, and would serve what the key was to protect.
 */
export function routeRemarks(routes: readonly Route[]): string[] {
  return routes
    .filter(({ authenticate }) => authenticate)
    .flatMap((guarded) => {
      for (const spelling of otherSpellings(guarded.path)) {
        const found = routes.filter(({ path }) => matches(path, spelling));
        const open = found.find((route) => !route.authenticate && shareMethod(route, guarded));
        if (open !== undefined && !found.some(({ authenticate }) => authenticate))
          return [remark(guarded, open, spelling)];
      }
      return [];
    });
}

const remark = (guarded: Route, open: Route, spelling: string): string =>
  `${guarded.endpoint} (${guarded.path}) needs a key, and ${spelling} goes to ${open.endpoint} (${open.path}) without one: a backend that ignores case or a slash at the end serves it as the same`;

/** Paths that such a backend takes for this one. */
function otherSpellings(path: string): string[] {
  const isPrefix = path.endsWith('/*');
  const example = isPrefix ? `${path.slice(0, -1)}0` : path;
  const atTheEnd = isPrefix ? path.slice(0, -2) : `${path}/`;
  return [example.toUpperCase(), atTheEnd].filter((spelling) => !['', '//', example].includes(spelling));
}

const matches = (pattern: string, path: string): boolean =>
  pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;

function shareMethod(left: Route, right: Route): boolean {
  if (left.methods === undefined || right.methods === undefined) return true;
  return left.methods.some((method) => right.methods?.includes(method) === true);
}

import type { ParsedConfigFile } from './file-schema.ts';

/** Paths that Rampart's own routes have. */
const ownPaths = ['/v1/barcodes', '/healthz', '/readyz', '/openapi.json'];

/** Endpoint names that Rampart's own routes have. */
export const ownEndpoints = [
  'createBarcode',
  'renderBarcode',
  'getBarcode',
  'getBarcodeImage',
  'listBarcodes',
  'openapi',
  'health',
  'ready',
  'unmatched',
] as const;

/** Names of the file that do not fit each other: an unknown upstream, an endpoint or path that is taken, a backend twice. */
export function referenceProblems(file: ParsedConfigFile, path: string): string[] {
  const problems: string[] = [];
  const endpoints = new Set<string>(ownEndpoints);
  const taken = new Map<string, string>(ownPaths.map((path) => [path, 'Rampart itself']));
  const upstreams = Object.keys(file.upstreams ?? {});
  for (const [index, route] of (file.routes ?? []).entries()) {
    if (!upstreams.includes(route.upstream)) {
      const known = upstreams.length === 0 ? 'upstreams names none' : `upstreams names ${upstreams.join(', ')}`;
      problems.push(`${path}: routes.${index}.upstream: there is no upstream '${route.upstream}'; ${known}`);
    }
    if (endpoints.has(route.endpoint)) {
      const holder = ownEndpoints.some((name) => name === route.endpoint) ? 'Rampart itself' : 'another route';
      problems.push(`${path}: routes.${index}.endpoint: '${route.endpoint}' is taken by ${holder}`);
    }
    endpoints.add(route.endpoint);
    for (const method of route.methods ?? ['*']) {
      const holder = taken.get(route.path) ?? taken.get(`${route.path} *`) ?? taken.get(`${route.path} ${method}`);
      if (holder !== undefined)
        problems.push(`${path}: routes.${index}.path: '${route.path}' is served by ${holder} already`);
      taken.set(`${route.path} ${method}`, `routes.${index}`);
    }
  }
  for (const [name, { backends }] of Object.entries(file.upstreams ?? {})) {
    const origins = backends.map((url) => new URL(url).origin);
    const twice = origins.find((origin, index) => origins.indexOf(origin) !== index);
    if (twice !== undefined)
      problems.push(`${path}: upstreams.${name}.backends: ${twice} is there twice, which would double its cap`);
  }
  for (const [name, { healthPath, health }] of Object.entries(file.upstreams ?? {})) {
    if (healthPath !== undefined && health !== undefined)
      problems.push(`${path}: upstreams.${name}.healthPath: health has a path too; one of them is enough`);
  }
  if (upstreams.includes('generator')) {
    problems.push(`${path}: upstreams.generator: the name belongs to Rampart's own generators`);
  }
  return problems;
}

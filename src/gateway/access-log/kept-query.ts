/**
 * The parameters of a query that the configuration names, in their order; empty if there are none. A query may hold
 * secrets, so the others are left out. `query`: with its question mark, or empty.
 */
export function keptQuery(query: string, names: ReadonlySet<string>): string {
  if (query === '' || names.size === 0) return '';
  return query
    .slice(1)
    .split('&')
    .filter((pair) => names.has(nameOf(pair)))
    .join('&');
}

function nameOf(pair: string): string {
  const end = pair.indexOf('=');
  return end === -1 ? pair : pair.slice(0, end);
}

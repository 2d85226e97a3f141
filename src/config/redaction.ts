/** Stands for a value that is set and must not be shown. */
export const HIDDEN = '(set, not shown)';

/** Names of settings whose values are secret, and of header fields that carry credentials. */
const secretNames =
  /^(.*(secret|password|passwd|token|credential|private|passphrase).*|(proxy-)?authorization|(set-)?cookie|x-api-key|key|hash)$/i;
/** Settings with such a name that are no secrets: `secret` of a route names path parameters. */
const openPaths = /^routes\.[^.]+\.secret(\.|$)/;
/** The hashes of passwords, by user. */
const secretPaths = /(^|\.)basic\.users\./;

/** The value with what `HIDDEN` stands for in it, which is what the other value has at the same place. */
export function withHiddenValues(value: unknown, known: unknown): unknown {
  if (value === HIDDEN) return known;
  if (typeof value !== 'object' || value === null) return value;
  const knownOf = (name: string): unknown =>
    typeof known === 'object' && known !== null ? Reflect.get(known, name) : undefined;
  if (Array.isArray(value)) {
    return value.map((inner: unknown, index) =>
      withHiddenValues(inner, counterpart(inner, known) ?? knownOf(String(index))),
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, withHiddenValues(inner, knownOf(name))]),
  );
}

/** A route is found by its endpoint, wherever it stands in the list. */
function counterpart(route: unknown, known: unknown): unknown {
  if (!Array.isArray(known) || typeof route !== 'object' || route === null || !('endpoint' in route)) return undefined;
  return known.find((one: { endpoint?: unknown }) => one?.endpoint === route.endpoint);
}

/** Whether the value at this path of the configuration must not be shown. */
export function isSecretAt(path: string): boolean {
  const name = path.slice(path.lastIndexOf('.') + 1);
  return secretPaths.test(path) || (secretNames.test(name) && !openPaths.test(path));
}

/** A value of the configuration at this path, without its secrets. */
export function hiddenAt(path: string, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (isSecretAt(path) && typeof value !== 'boolean') return HIDDEN;
  if (typeof value === 'string') return value.replace(/(\/\/)[^/@\s]*@/g, '$1***@');
  if (Array.isArray(value)) return value.map((inner, index) => hiddenAt(`${path}.${index}`, inner));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([inner, content]) => [
      inner,
      hiddenAt(path === '' ? inner : `${path}.${inner}`, content),
    ]),
  );
}

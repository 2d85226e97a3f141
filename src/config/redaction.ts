/** Stands for a value that is set and must not be shown. */
export const HIDDEN = '(set, not shown)';

/** Names of settings whose values are secret, and of header fields that carry credentials. */
const secretNames =
  /^(.*(secret|password|passwd|token|credential|private|passphrase).*|(proxy-)?authorization|(set-)?cookie|x-api-key|key|hash)$/i;
/** Settings with such a name that are no secrets: `secret` of a route names path parameters. */
const openPaths = /^routes\.[^.]+\.secret(\.|$)/;
/** The hashes of passwords, by user. */
const secretPaths = /(^|\.)basic\.users\./;

/** A value of the configuration at this path, without its secrets. */
export function hiddenAt(path: string, value: unknown): unknown {
  if (value === undefined) return undefined;
  const name = path.slice(path.lastIndexOf('.') + 1);
  const isSecret = secretPaths.test(path) || (secretNames.test(name) && !openPaths.test(path));
  if (isSecret && typeof value !== 'boolean') return HIDDEN;
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

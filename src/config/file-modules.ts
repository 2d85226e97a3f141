import { readFileSync } from 'node:fs';
import { registerHooks, type ResolveFnOutput } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What a configuration file imports for its types; the folder of the file need not have this package. */
const OWN_NAME = 'rampart/config';
const ownUrl = new URL('./define-config.ts', import.meta.url).href;
/** Only an ES module has such a line. */
const EXPORT = /^export\s/m;

/**
 * Imports a configuration file from any folder: `rampart/config` is this very package, and a TypeScript file with
 * exports is an ES module, even if the package.json beside it is missing or says "commonjs", as `npm init` writes it.
 */
export async function importFile(url: string): Promise<{ readonly default?: unknown }> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === OWN_NAME ? { url: ownUrl, shortCircuit: true } : asModule(next(specifier, context)),
  });
  try {
    return (await import(url)) as { default?: unknown };
  } catch (error) {
    throw withoutHooks(error);
  } finally {
    hooks.deregister();
  }
}

/** The stack of an import that was not found begins with the hook; the place in the user's code comes after it. */
function withoutHooks(error: unknown): unknown {
  if (error instanceof Error) {
    const lines = (error.stack ?? '').split('\n');
    error.stack = lines.filter((line) => !line.includes(import.meta.url)).join('\n');
  }
  return error;
}

function asModule(found: ResolveFnOutput): ResolveFnOutput {
  const isInDoubt = found.url.startsWith('file:') && /\.ts(?:\?.*)?$/.test(found.url) && found.format !== TYPESCRIPT;
  return isInDoubt && EXPORT.test(textOf(found.url)) ? { ...found, format: TYPESCRIPT } : found;
}

const TYPESCRIPT = 'module-typescript';

/** Empty if it cannot be read: then the import says why. */
function textOf(url: string): string {
  try {
    return readFileSync(fileURLToPath(url), 'utf8');
  } catch {
    return '';
  }
}

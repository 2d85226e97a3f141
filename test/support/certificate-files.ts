import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from './certificates.ts';

/** Writes a pair into a folder, as certbot does: new files, renamed over the old ones. */
export function put(folder: string, name: string, { cert, key }: Certificate): { certFile: string; keyFile: string } {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  for (const [path, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
  return { certFile, keyFile };
}

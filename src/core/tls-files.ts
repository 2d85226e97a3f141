import { readFileSync, statSync } from 'node:fs';

/** Where the parts of a TLS client are. */
export interface TlsFilePaths {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

export interface TlsParts {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** The files of a TLS client, read again when one of them has changed. */
export class TlsFiles {
  readonly #paths: TlsFilePaths;
  #stamp = '';
  #parts: TlsParts = {};

  constructor(paths: TlsFilePaths) {
    this.#paths = paths;
  }

  /** Of the last `read`. */
  get parts(): TlsParts {
    return this.#parts;
  }

  /**
   * Reads the files if one has changed; returns whether one has. Throws the system's error if one cannot be read; the
   * parts then stay as they are.
   */
  read(): boolean {
    const { caFile, certFile, keyFile } = this.#paths;
    const stamp = [caFile, certFile, keyFile].map(stampOf).join();
    if (stamp === this.#stamp) return false;
    this.#parts = {
      ...(caFile !== undefined && { ca: readFileSync(caFile) }),
      ...(certFile !== undefined && { cert: readFileSync(certFile) }),
      ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
    };
    this.#stamp = stamp;
    return true;
  }
}

/** Changes with every replacement and every write of a file. */
function stampOf(path: string | undefined): string {
  if (path === undefined) return '-';
  const { ino, mtimeMs, size } = statSync(path);
  return `${ino} ${mtimeMs} ${size}`;
}

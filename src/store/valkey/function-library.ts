import { hash } from 'node:crypto';
import type { FunctionLibrary } from './valkey-client.ts';

/**
 * A library whose names end in a hash of its code, for which `VERSION` stands in the code: two releases on one Valkey each call
 * their own functions, and a library that is there already has exactly this code.
 */
export class VersionedLibrary implements FunctionLibrary {
  readonly name: string;
  readonly code: string;
  readonly #version: string;

  /** `name`: of the library and, with a word behind it, of its functions. */
  constructor(name: string, code: string) {
    this.#version = hash('sha256', code, 'hex').slice(0, 8);
    this.name = `${name}_${this.#version}`;
    this.code = code.replaceAll('VERSION', this.#version);
  }

  /** The name of a function: that of the library, and its own. */
  named(own: string): string {
    return `${this.name}_${own}`;
  }
}

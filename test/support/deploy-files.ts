import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

/** The folder of files for operators. */
export const deployFolder = fileURLToPath(new URL('../../deploy', import.meta.url));

export const deployText = (name: string): string => readFileSync(join(deployFolder, name), 'utf8');

/** Options of a test that needs a program. */
export const onlyWith = (program: string) => (existsSync(program) ? {} : { skip: `${program} is not installed` });

/** An object of Kubernetes. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // oxlint-disable-next-line typescript/no-explicit-any -- each kind has a shape of its own, which the tests walk
  readonly spec: any;
}

export const manifestsIn = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest);

/** The manifests that kubectl builds from a folder with a kustomization; without kubectl, those in `files`. */
export function kustomized(folder: string, files: readonly string[]): Manifest[] {
  if (!existsSync('/usr/bin/kubectl')) return files.flatMap((name) => manifestsIn(deployText(name)));
  const made = spawnSync('kubectl', ['kustomize', join(deployFolder, folder)], { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return manifestsIn(made.stdout);
}

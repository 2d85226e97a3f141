// node scripts/lock-installed.mjs FOLDER: for a folder with the packed package, writes the package.json and the
// package-lock.json by which npm ci installs its dependencies, with the versions and checksums of this repository.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './runtime.mjs';

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node scripts/lock-installed.mjs FOLDER');
  process.exit(2);
}
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

/** Without what only the clone needs: npm ci wants both files to say the same, whatever it is told to omit. */
function installed({ devDependencies: _dev, peerDependencies: _peer, peerDependenciesMeta: _meta, ...rest }) {
  return rest;
}

writeJson(join(folder, 'package.json'), installed(readJson(join(folder, 'package.json'))));
const lock = readJson(join(root, 'package-lock.json'));
const { '': own, ...others } = lock.packages;
const needed = Object.entries(others).filter(
  ([, { dev, devOptional, optional, peer }]) => !dev && !devOptional && !(peer && optional),
);
writeJson(join(folder, 'package-lock.json'), {
  ...lock,
  packages: { '': installed(own), ...Object.fromEntries(needed) },
});

// npm pack, before it packs: makes dist/ of src/, because Node strips no types below node_modules. --clean: removes it.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.ts';
import { installableSource } from './installable-source.ts';

const source = join(root, 'src');
const target = join(root, 'dist');

rmSync(target, { recursive: true, force: true });
if (!process.argv.includes('--clean')) {
  for (const folder of globSync('**/', { cwd: source })) mkdirSync(join(target, folder), { recursive: true });
  for (const file of globSync('**/*.ts', { cwd: source })) {
    const text = installableSource(readFileSync(join(source, file), 'utf8'), join(source, file), existsSync);
    writeFileSync(join(target, file.replace(/\.ts$/, '.js')), text);
  }
  for (const file of globSync('{**/*.{csv,lua},console/**/*.{html,css,svg},console/vendor/**/{*.js,LICENSE}}', {
    cwd: source,
  }))
    copyFileSync(join(source, file), join(target, file));
  writeTypes();
}

/** The declarations of `rampart/config`, and of what it imports. */
function writeTypes(): void {
  const options = [
    '--declaration',
    '--emitDeclarationOnly',
    '--noEmit',
    'false',
    '--rootDir',
    source,
    '--outDir',
    target,
  ];
  const settings = ['--module', 'nodenext', '--target', 'esnext', '--strict', '--exactOptionalPropertyTypes'];
  const others = ['--allowImportingTsExtensions', '--skipLibCheck', '--types', 'node', '--ignoreConfig'];
  const args = [...options, ...settings, ...others, join(source, 'config', 'define-config.ts')];
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules', '.bin', 'tsc'), args, {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`Cannot write the types of rampart/config: ${stdout}${stderr}`);
  for (const file of globSync('**/*.d.ts', { cwd: target })) {
    const path = join(target, file);
    writeFileSync(path, installableSource(readFileSync(path, 'utf8'), join(source, file), existsSync));
  }
}

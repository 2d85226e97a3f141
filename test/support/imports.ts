import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** An import or export statement of a file, or an `import()`; files are named from the folder that was read. */
export interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** An import of another file of the same folder. */
export interface LocalImport {
  readonly file: string;
  readonly target: string;
}

export interface SourceFolder {
  readonly files: readonly string[];
  readonly imports: readonly Import[];
  readonly localImports: readonly LocalImport[];
}

/** The folders of processes of their own: the messages that they exchange are in src/protocol. */
const processes: ReadonlySet<string> = new Set(['gateway', 'generator', 'batch', 'control', 'supervisor']);

/** The folder of src to which a file belongs. */
export const folderOf = (path: string): string => path.split('/')[0] as string;

/** Whether a file of one process imports a file of another. */
export function crossesProcesses({ file, target }: LocalImport): boolean {
  const [from, to] = [folderOf(file), folderOf(target)];
  return from !== to && processes.has(from) && processes.has(to);
}

/** Reads a folder of TypeScript sources, generated ones left out. */
export function readSources(folder: string): SourceFolder {
  const files = globSync('**/*.ts', { cwd: folder }).filter((file) => !file.startsWith('store/generated/'));
  const imports = files.flatMap((file) => importsOf(folder, file));
  const localImports = imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ file, specifier }) => ({ file, target: relative(folder, resolve(folder, dirname(file), specifier)) }))
    .filter(({ target }) => !target.startsWith('..'));
  return { files, imports, localImports };
}

function importsOf(folder: string, file: string): Import[] {
  const text = readFileSync(join(folder, file), 'utf8');
  const found = text.matchAll(
    /^\s*(import|export)\s+(type\s+)?[^'"]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
  );
  return [...found].map((match) => ({
    file,
    specifier: (match[3] ?? match[4]) as string,
    typeOnly: match[2] !== undefined,
  }));
}

/** The groups of files that import each other: the strongly connected components of more than one file (Tarjan 1972). */
export function circles(edges: readonly LocalImport[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of edges) targets.set(file, [...(targets.get(file) ?? []), target]);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file) as number);
    stack.push(file);
    for (const target of targets.get(file) ?? []) {
      if (!index.has(target)) visit(target);
      if (stack.includes(target)) low.set(file, Math.min(low.get(file) as number, low.get(target) as number));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1) found.push(group.toSorted());
  };
  for (const file of targets.keys()) if (!index.has(file)) visit(file);
  return found;
}

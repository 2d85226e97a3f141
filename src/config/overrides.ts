import { isDeepStrictEqual } from 'node:util';
import type { ParsedConfigFile } from './file-schema.ts';

/** A value that was set beside the configuration file, by the admin API. */
export interface Override {
  /** The setting, such as upstreams, shop, cap; a route has its endpoint in place of its position. */
  readonly path: readonly string[];
  /** The file's value that it replaced; absent if the file had none. */
  readonly base?: unknown;
  /** Absent: the setting is taken away. */
  readonly value?: unknown;
  readonly who: string;
  readonly atMs: number;
  /** Whether it survives a restart of control. */
  readonly persist: boolean;
}

type Tree = { [name: string]: unknown };

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A file with its routes by endpoint, so that a path names a route wherever it stands in the list. */
function treeOf(file: unknown): Tree {
  if (!isTree(file)) return {};
  const copy = structuredClone(file);
  if (!Array.isArray(copy['routes'])) return copy;
  const routes = copy['routes'] as readonly Tree[];
  return {
    ...copy,
    routes: Object.fromEntries(routes.map((route, index) => [String(route['endpoint'] ?? index), route])),
  };
}

function fileOf(tree: Tree): unknown {
  return isTree(tree['routes']) ? { ...tree, routes: Object.values(tree['routes']) } : tree;
}

/** The file with the overrides in it, and those that it does not need any more, because the file has changed their values. */
export function applyOverrides(
  base: ParsedConfigFile,
  overrides: readonly Override[],
): { file: unknown; applied: Override[]; superseded: Override[] } {
  const original = treeOf(base);
  const tree = treeOf(base);
  const applied: Override[] = [];
  const superseded: Override[] = [];
  for (const override of overrides) {
    const parent = override.path.slice(0, -1);
    const isSame = isDeepStrictEqual(valueAt(original, override.path), override.base);
    const canStand = override.path.length === 1 || isTree(valueAt(tree, parent));
    if (!isSame || !canStand) superseded.push(override);
    else {
      put(tree, override.path, override.value);
      applied.push(override);
    }
  }
  return { file: fileOf(tree), applied, superseded };
}

/** The overrides that lead from the file to the wanted configuration; known ones keep who made them, and when. */
export function overridesBetween(
  base: ParsedConfigFile,
  wanted: unknown,
  made: Pick<Override, 'who' | 'atMs' | 'persist'>,
  known: readonly Override[] = [],
): Override[] {
  return differences(treeOf(base), treeOf(wanted), []).map((difference) => {
    const before = known.find(
      ({ path, value }) => isDeepStrictEqual(path, difference.path) && isDeepStrictEqual(value, difference.value),
    );
    const { who, atMs, persist } = before ?? made;
    return { ...difference, who, atMs, persist: persist || made.persist };
  });
}

type Difference = Pick<Override, 'path' | 'base' | 'value'>;

function differences(base: Tree, wanted: Tree, path: readonly string[]): Difference[] {
  const names = new Set([...Object.keys(base), ...Object.keys(wanted)]);
  return [...names].flatMap((name): Difference[] => {
    const [before, after] = [base[name], wanted[name]];
    if (isDeepStrictEqual(before, after)) return [];
    const inner = [...path, name];
    // The parts that every file may have are compared by their entries, even where the file has none.
    const isSection = path.length === 0 && (name === 'upstreams' || name === 'routes');
    if (isTree(before) && isTree(after)) return differences(before, after, inner);
    if (isSection && isTree(after) && before === undefined) return [{ path: inner, value: after }];
    return [
      {
        path: inner,
        ...(before === undefined ? {} : { base: before }),
        ...(after === undefined ? {} : { value: after }),
      },
    ];
  });
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  let value = tree;
  for (const name of path) value = isTree(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const parent = valueAt(tree, path.slice(0, -1)) as Tree;
  const name = path.at(-1) as string;
  if (value === undefined) delete parent[name];
  else parent[name] = structuredClone(value);
}

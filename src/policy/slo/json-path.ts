/** The steps of a path such as `$.items[0].name`, `items[0].name` or `$`; undefined if the text is not a path. */
export function parseJsonPath(path: string): readonly (string | number)[] | undefined {
  const steps: (string | number)[] = [];
  const step = /\.?([\w-]+)|\[(\d+)\]/y;
  step.lastIndex = path.startsWith('$') ? 1 : 0;
  while (step.lastIndex < path.length) {
    const found = step.exec(path);
    if (found === null) return undefined;
    steps.push(found[1] ?? Number(found[2]));
  }
  return path === '' ? undefined : steps;
}

/** The value at a path; undefined if there is none. Only own members count, so that no value comes from a prototype. */
export function valueAtPath(value: unknown, path: string): unknown {
  let at = value;
  for (const step of parseJsonPath(path) ?? []) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return at;
}

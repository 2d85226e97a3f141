/** The tuned variables, in the order of tables. */
export const tunables = [
  'GENERATOR_INSTANCES',
  'GENERATOR_CONCURRENCY',
  'GATEWAY_WORKERS',
  'QUEUE_CAPACITY',
  'LEDGER_BATCH_SIZE',
] as const;

export type Tunable = (typeof tunables)[number];
export type Configuration = Readonly<Record<Tunable, number>>;
/** The values to try of each. */
export type Grid = Readonly<Record<Tunable, readonly number[]>>;

export interface Change {
  readonly name: Tunable;
  readonly from: number;
  readonly to: number;
}

/** Every combination of the grid's values, the baseline's own among them: so there are pairs that differ in one variable alone. */
export function combinations(grid: Grid, baseline: Configuration): Configuration[] {
  let found: Configuration[] = [baseline];
  for (const name of tunables) {
    const values = [...new Set([...grid[name], baseline[name]])].sort((left, right) => left - right);
    found = found.flatMap((configuration) => values.map((value) => ({ ...configuration, [name]: value })));
  }
  return found;
}

export function changesBetween(from: Configuration, to: Configuration): Change[] {
  return tunables.filter((name) => from[name] !== to[name]).map((name) => ({ name, from: from[name], to: to[name] }));
}

export const isSame = (left: Configuration, right: Configuration): boolean => changesBetween(left, right).length === 0;

/** How far apart: variables that differ count first, then by what factors. */
export function distance(left: Configuration, right: Configuration): number {
  const changes = changesBetween(left, right);
  const factors = changes.reduce((sum, { from, to }) => sum + Math.abs(Math.log((to + 1) / (from + 1))), 0);
  return changes.length + factors / (1 + factors);
}

export const settingsOf = (configuration: Configuration): Record<string, string> =>
  Object.fromEntries(tunables.map((name) => [name, String(configuration[name])]));

export const describe = (configuration: Configuration): string =>
  `generators ${configuration.GENERATOR_INSTANCES} × ${configuration.GENERATOR_CONCURRENCY}, workers ${configuration.GATEWAY_WORKERS}, queue ${configuration.QUEUE_CAPACITY}, batch ${configuration.LEDGER_BATCH_SIZE}`;

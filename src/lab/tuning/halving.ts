export interface Rung {
  readonly configurations: number;
  /** How long each is measured, as a multiple of the first rung's time. */
  readonly budget: number;
}

const ETA = 3;

/**
 * Successive halving (Jamieson and Talwalkar 2016) with eta = 3: all configurations are measured for a short time, the best
 * third of them for three times as long, and so on until one is left. Every rung costs about the same: the whole about
 * 1 + log3(n) times the first rung, where all of them at the last one's length would cost about n times it.
 */
export function rungs(count: number): Rung[] {
  const found: Rung[] = [];
  let budget = 1;
  for (let configurations = count; ; configurations = Math.max(1, Math.floor(configurations / ETA))) {
    found.push({ configurations, budget });
    if (configurations === 1) return found;
    budget *= ETA;
  }
}

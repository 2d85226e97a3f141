/** Requests at one instant that passed a limit, or that wanted to. */
export interface TokenUse {
  readonly atMs: number;
  readonly tokens: number;
}

export interface TokenRule {
  readonly perSecond: number;
  readonly burst: number;
  /** How much later than used, at most, tokens are drawn from the bucket of the fleet, plus how much later unused ones come back. */
  readonly lagMs: number;
}

export interface TokenFindings {
  /** Most tokens over `burst + r·t` at any instant since the start; 0 or less is within the limit. */
  readonly overSinceStart: number;
  /** Most tokens over `burst + r·(W + 2·lag)` in any window W; 0 or less is within the limit. */
  readonly overInWindow: number;
  /** What was admitted, of what one bucket would have admitted of the same demand. */
  readonly givenShare: number;
}

/**
 * Checks one limit over all hosts. With N(t) tokens admitted until t and the rate r:
 * max over t of (N(t) − r·t) − min over s ≤ t of (N(s) − r·s) ≤ burst + 2·r·lag, and N(t) ≤ burst + r·t from the start.
 * Both histories are in the order of time; the start is the first demand.
 */
export function checkTokens(
  admitted: readonly TokenUse[],
  offered: readonly TokenUse[],
  { perSecond, burst, lagMs }: TokenRule,
): TokenFindings {
  const startMs = offered[0]?.atMs ?? admitted[0]?.atMs ?? 0;
  const dripped = (atMs: number): number => ((atMs - startMs) * perSecond) / 1000;
  let total = 0;
  let [highest, lowest, rise] = [0, 0, 0];
  for (const { atMs, tokens } of admitted) {
    // The lowest level is just before an admission, the highest just after one.
    lowest = Math.min(lowest, total - dripped(atMs));
    total += tokens;
    highest = Math.max(highest, total - dripped(atMs));
    rise = Math.max(rise, total - dripped(atMs) - lowest);
  }
  const allowed = oneBucket(offered, { perSecond, burst });
  return {
    overSinceStart: highest - burst,
    overInWindow: rise - burst - (2 * perSecond * lagMs) / 1000,
    givenShare: allowed === 0 ? 1 : total / allowed,
  };
}

/** How many tokens a single bucket, full at the start, would give to this demand. */
export function oneBucket(offered: readonly TokenUse[], { perSecond, burst }: Omit<TokenRule, 'lagMs'>): number {
  let level = burst;
  let lastMs = offered[0]?.atMs ?? 0;
  let given = 0;
  for (const { atMs, tokens } of offered) {
    level = Math.min(burst, level + ((atMs - lastMs) * perSecond) / 1000);
    lastMs = atMs;
    if (tokens > level) continue;
    level -= tokens;
    given += tokens;
  }
  return given;
}

/**
 * An equal split of every backend's cap over `members`, as permits by member and backend.
 * Each column adds up to its cap. What does not divide is dealt on where the backend before left off, so that no
 * member is ahead of another by more than one permit in all; `turn` moves where the dealing starts.
 */
export function equalShares(caps: readonly number[], members: number, turn = 0): number[][] {
  const shares = Array.from({ length: members }, () => caps.map((cap) => Math.floor(cap / members)));
  let next = turn;
  for (const [backend, cap] of caps.entries()) {
    for (let left = cap % members; left > 0; left--) {
      const row = shares[next++ % members] as number[];
      row[backend] = (row[backend] as number) + 1;
    }
  }
  return shares;
}

/**
 * A split of every backend's cap by weights, as permits by member and backend; each column adds up to its cap.
 * What a member is owed beyond whole permits is carried on to the next backend, so that its permits in all differ from
 * its exact part by less than one; `turn` decides who comes first among equals.
 */
export function weightedShares(caps: readonly number[], weights: readonly number[], turn = 0): number[][] {
  const members = weights.length;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum <= 0) return equalShares(caps, members, turn);
  const owed = weights.map(() => 0);
  const shares = weights.map(() => caps.map(() => 0));
  for (const [backend, cap] of caps.entries()) {
    let left = cap;
    for (const [member, weight] of weights.entries()) {
      const due = (owed[member] as number) + (cap * weight) / sum;
      const whole = Math.max(0, Math.floor(due));
      (shares[member] as number[])[backend] = whole;
      owed[member] = due - whole;
      left -= whole;
    }
    for (; left > 0; left--) {
      const member = mostOwed(owed, turn % members);
      owed[member] = (owed[member] as number) - 1;
      const row = shares[member] as number[];
      row[backend] = (row[backend] as number) + 1;
    }
  }
  return shares;
}

function mostOwed(owed: readonly number[], first: number): number {
  let most = first;
  for (let step = 1; step < owed.length; step++) {
    const member = (first + step) % owed.length;
    // Sums of fractions: what differs by rounding is equal.
    if ((owed[member] as number) > (owed[most] as number) + 1e-9) most = member;
  }
  return most;
}

/**
 * The permits of each backend that a worker takes when it has never spoken to control: its equal share of a host with
 * `workers` workers, rounded down so that all of them stay within the caps; at least one, since a worker without any
 * could never serve, and then the backend's own cap is what holds.
 */
export function staticShare(cap: number, workers: number): number {
  return Math.max(1, Math.floor(cap / workers));
}

/** The caps, or less where all backends together may have no more than `limit`: each its part. */
export function limitedCaps(caps: readonly number[], limit: number): number[] {
  return limit >= total(caps) ? [...caps] : weightedShares([limit], caps).map(([cap = 0]) => cap);
}

/** The permits of all backends together. */
export function total(permits: readonly number[]): number {
  return permits.reduce((sum, count) => sum + count, 0);
}

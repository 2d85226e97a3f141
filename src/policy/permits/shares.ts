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
 * The permits of each backend that a worker takes when it has never spoken to control: its equal share of a host with
 * `workers` workers, rounded down so that all of them stay within the caps; at least one, since a worker without any
 * could never serve, and then the backend's own cap is what holds.
 */
export function staticShare(cap: number, workers: number): number {
  return Math.max(1, Math.floor(cap / workers));
}

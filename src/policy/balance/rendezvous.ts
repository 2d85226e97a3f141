import { mixed } from '../../core/text-hash.ts';
import { type Candidate, isEligible } from './candidate.ts';

/** A candidate with a hash of its name, which decides which sessions are at home there. */
export interface NamedCandidate extends Candidate {
  readonly nameHash: number;
}

/**
 * Sends a session to the same candidate as long as that one can take a request: rendezvous hashing (Thaler and Ravishankar,
 * IEEE/ACM ToN 1998). Every session has its own order of all candidates, so a candidate that is full or gone passes its
 * sessions on to all others in equal parts, and gets them back when it returns. Bounded by permits, no candidate gets
 * more than its share (as in Mirrokni, Thorup and Zadimoghaddam, SODA 2018).
 */
export function homeOf<C extends NamedCandidate>(
  candidates: readonly C[],
  session: number,
  excluded: C | undefined,
  canTake: (candidate: C) => boolean = isEligible,
): C | undefined {
  let home: C | undefined;
  let best = -1;
  for (const candidate of candidates) {
    if (candidate === excluded || !canTake(candidate)) continue;
    const score = mixed(session ^ candidate.nameHash);
    if (score <= best) continue;
    best = score;
    home = candidate;
  }
  // One that has just failed is better than none.
  return home ?? (excluded !== undefined && canTake(excluded) && candidates.includes(excluded) ? excluded : undefined);
}

import { createHash, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { networkOf } from '../core/addresses.ts';
import type { Clock } from '../core/clock.ts';
import { gcra } from '../policy/rate/gcra.ts';
import type { RateLimit } from '../protocol/tokens.ts';
import type { AdminProblem } from './admin-change.ts';
import type { AdminRole } from './admin-sessions.ts';

export interface AdminTokens {
  /** Of someone who may change everything; undefined on loopback, where everyone may. */
  readonly token: string | undefined;
  /** Of someone who may only read. */
  readonly readToken: string | undefined;
}

/** Wrong tokens of one network. A scraper or a monitor with an old token, once a second, stays below. */
const WRONG_TOKENS: RateLimit = { requestsPerSecond: 2, burst: 20 };
const MAX_NETWORKS = 1000;

/** Judges tokens, and stops those who try many. */
export class TokenJudge {
  readonly #clock: Clock;
  readonly #tokens: AdminTokens;
  readonly #wrong = new LRUCache<string, number>({ max: MAX_NETWORKS });

  constructor(clock: Clock, tokens: AdminTokens) {
    this.#clock = clock;
    this.#tokens = tokens;
  }

  /** The role of the token. While too many wrong ones come from a network, a right one is refused, too: else guessing would go on. */
  judge(presented: string, address: string | undefined): AdminRole | AdminProblem {
    const network = networkOf(address ?? '');
    const { allowed, next, retryAfterMs } = gcra(this.#wrong.get(network), this.#clock.now(), WRONG_TOKENS);
    if (!allowed) {
      const detail = 'too many wrong tokens have come from this address';
      return { status: 429, reason: 'rate-limited', detail, retryAfterSeconds: Math.ceil(retryAfterMs / 1000) };
    }
    const role = this.#roleOf(presented);
    if (role !== undefined) return role;
    this.#wrong.set(network, next);
    return { status: 401, reason: 'unauthenticated', detail: 'this is neither ADMIN_TOKEN nor ADMIN_READ_TOKEN' };
  }

  #roleOf(presented: string): AdminRole | undefined {
    const { token, readToken } = this.#tokens;
    // Both are always compared, so that the time does not tell them apart.
    const isAdmin = token !== undefined && equalSecrets(presented, token);
    const isReader = readToken !== undefined && equalSecrets(presented, readToken);
    if (isAdmin) return 'admin';
    return isReader ? 'reader' : undefined;
  }
}

/** Compares digests, so that the time of the comparison depends on neither length nor content. */
function equalSecrets(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

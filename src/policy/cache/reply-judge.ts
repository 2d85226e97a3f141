import { type CacheRules, judgeReply, type ReplyHead, type Verdict } from './storing.ts';

/** The input of a verdict beside the rules: fields whose value matters, and fields whose presence matters. */
const read = ['cache-control', 'date', 'vary', 'expires', 'pragma', 'age'] as const;
const present = [
  'set-cookie',
  'content-range',
  'content-length',
  'transfer-encoding',
  'etag',
  'last-modified',
] as const;

/**
 * Judges replies by one route's rules, and remembers the last verdict, because within a second most replies of a route
 * have the same input. Seconds are enough, because dates and ages have no smaller unit.
 */
export class ReplyJudge {
  readonly #rules: CacheRules;
  #last: { readonly head: ReplyHead; readonly credentials: boolean; readonly second: number } | undefined;
  #verdict: Verdict = { store: false, share: false, because: '' };

  constructor(rules: CacheRules) {
    this.#rules = rules;
  }

  /** As `judgeReply`; `arrivedAt` by the wall clock. */
  judge(head: ReplyHead, credentials: boolean, arrivedAt: number): Verdict {
    const second = Math.floor(arrivedAt / 1000);
    const last = this.#last;
    if (last?.second === second && last.credentials === credentials && isAlike(last.head, head)) return this.#verdict;
    this.#verdict = judgeReply(head, credentials, this.#rules, second * 1000);
    this.#last = { head, credentials, second };
    return this.#verdict;
  }
}

function isAlike(left: ReplyHead, right: ReplyHead): boolean {
  if (left.status !== right.status) return false;
  const [one, other] = [left.headers, right.headers];
  for (const name of read) {
    // A field with several lines is an array, which is not compared.
    if (one[name] !== other[name]) return false;
  }
  for (const name of present) if ((one[name] === undefined) !== (other[name] === undefined)) return false;
  return true;
}

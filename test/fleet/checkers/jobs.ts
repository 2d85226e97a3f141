/** The life of the items of jobs, as clients and the table of results saw it. Items are named by job and number. */
export interface JobHistory {
  /** Items whose job was acknowledged to its client. */
  readonly acknowledged: readonly string[];
  /** Items that were sent without an answer: they may have a result or none. */
  readonly unanswered: readonly string[];
  /** One for each result that is there at the end. */
  readonly results: readonly string[];
  /** One for each time that an item was worked on. */
  readonly attempts: readonly string[];
}

export interface JobFindings {
  /** Acknowledged items without a result. */
  readonly lost: readonly string[];
  /** Items with more than one result. */
  readonly doubled: readonly string[];
  /** Results of items that nobody sent. */
  readonly unexpected: readonly string[];
  /** Results of items that nobody worked on. */
  readonly unworked: readonly string[];
  /** Attempts for each result; above 1 after a fault, which is allowed: only results are exactly once. */
  readonly attemptsPerResult: number;
}

/** Checks that each acknowledged item has exactly one result (Jepsen's set-full): attempts may be more. */
export function checkJobs({ acknowledged, unanswered, results, attempts }: JobHistory): JobFindings {
  const found = new Set(results);
  const sent = new Set([...acknowledged, ...unanswered]);
  const worked = new Set(attempts);
  const seen = new Set<string>();
  const doubled = new Set<string>();
  for (const item of results) {
    if (seen.has(item)) doubled.add(item);
    seen.add(item);
  }
  return {
    lost: acknowledged.filter((item) => !found.has(item)),
    doubled: [...doubled],
    unexpected: [...found].filter((item) => !sent.has(item)),
    unworked: [...found].filter((item) => !worked.has(item)),
    attemptsPerResult: found.size === 0 ? 0 : attempts.length / found.size,
  };
}

/** A change of what a backend serves, and the purge that followed. */
export interface Purge {
  readonly group: string;
  /** Replies of this generation and later ones are fresh after the purge. */
  readonly generation: number;
  /** When the client that purged had its answer. */
  readonly acknowledgedMs: number;
}

/** A reply to a client, with the generation that the backend wrote into it. */
export interface GenerationReply {
  readonly group: string;
  readonly generation: number;
  /** When the client asked. What it asked before an acknowledgement may still be old. */
  readonly askedMs: number;
  readonly host: string;
}

export interface PurgeFindings {
  /** Replies that were asked for after an acknowledged purge, by at least the bound, and were older than it. */
  readonly stale: readonly GenerationReply[];
  /** The longest time from an acknowledgement to a question that still got an older reply; 0 if there was none. */
  readonly latestMs: number;
}

/** Checks that no reply is older than a purge that was acknowledged before it was asked for. `boundMs`: allowed after a purge that not all hosts acknowledged. */
export function checkPurges(
  purges: readonly Purge[],
  replies: readonly GenerationReply[],
  boundMs: number,
): PurgeFindings {
  const histories = new Map(
    [...Map.groupBy(purges, ({ group }) => group)].map(([group, own]) => [group, ordered(own)]),
  );
  const stale: GenerationReply[] = [];
  let latestMs = 0;
  for (const reply of replies) {
    // The first purge that the reply is too old for is the one that it has outlived for longest.
    const missed = firstAbove(histories.get(reply.group) ?? [], reply.generation);
    const afterMs = missed === undefined ? -1 : reply.askedMs - missed.acknowledgedMs;
    if (afterMs < 0) continue;
    latestMs = Math.max(latestMs, afterMs);
    if (afterMs >= boundMs) stale.push(reply);
  }
  return { stale, latestMs };
}

/** By acknowledgement, each with the newest generation that was acknowledged until then. */
function ordered(purges: readonly Purge[]): Purge[] {
  let newest = -Infinity;
  return purges
    .toSorted((one, other) => one.acknowledgedMs - other.acknowledgedMs)
    .map((purge) => ({ ...purge, generation: (newest = Math.max(newest, purge.generation)) }));
}

/** A long run has too many replies and purges to look at each pair. */
function firstAbove(purges: readonly Purge[], generation: number): Purge | undefined {
  let [from, to] = [0, purges.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((purges[middle]?.generation ?? Infinity) > generation) to = middle;
    else from = middle + 1;
  }
  return purges[from];
}

/** How long a request usually takes a backend of an upstream: what `work-grew` compares with. */
export interface UsualWork {
  readonly meanMs: number;
  /** Of the seconds that went in. */
  readonly weight: number;
}

/** Of a time constant of ten minutes, so that what is usual follows a new version within the hour, not within a spike. */
const MEMORY_SECONDS = 600;
/** Seconds with replies before anything is called usual. */
const LEARN_SECONDS = 20;

/** Adds one second in which nothing was wrong. */
export function afterGoodSecond(before: UsualWork | undefined, meanMs: number): UsualWork {
  const weight = Math.min(MEMORY_SECONDS, (before?.weight ?? 0) + 1);
  const old = before?.meanMs ?? meanMs;
  return { meanMs: old + (meanMs - old) / weight, weight };
}

/** Undefined as long as too little is known. */
export const usualMs = (usual: UsualWork | undefined): number | undefined =>
  usual !== undefined && usual.weight >= LEARN_SECONDS ? usual.meanMs : undefined;

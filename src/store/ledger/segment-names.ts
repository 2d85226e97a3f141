const SEGMENT = /^segment-(.+)-(\d+)\.log$/;
/** Of the version before, which wrote to the disk only while PostgreSQL was away. */
const SPILL = /^spill-(.+)-(\d+)\.ndjson$/;

/** `owner`: the name of a process. */
export const segmentName = (owner: string, sequence: number): string => `segment-${owner}-${sequence}.log`;

/** The file with the offset up to which a segment is settled. */
export const positionName = (segment: string): string => `${segment}.position`;

/** The segment of a position; undefined for another file. */
export const segmentOfPosition = (name: string): string | undefined => /^(.+)\.position$/.exec(name)?.[1];

export const isSpill = (name: string): boolean => SPILL.test(name);

/** The process that a file belongs to, and its number; undefined for a file that is no segment. */
export function ownerOf(name: string): { readonly owner: string; readonly sequence: number } | undefined {
  const [, owner, sequence] = SEGMENT.exec(name) ?? SPILL.exec(name) ?? [];
  return owner === undefined ? undefined : { owner, sequence: Number(sequence) };
}

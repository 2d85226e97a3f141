/** How long hosts may take to say whether they can use a version. */
export const ACCEPT_LIMIT_MS = 30_000;
/** The same once one of them has refused it: the reasons of the others help, and decide nothing. */
export const REFUSED_LIMIT_MS = 3000;
/** The same while the news of the fleet cannot be heard: it decides nothing until that ends. */
export const APART_LIMIT_MS = 8000;

/** What a host has answered when it was asked about a version. Silence, also of an earlier release, is no acceptance. */
export interface HostAnswer {
  readonly host: string;
  /** The version that it has answered about. */
  readonly answered: number | null;
  /** None: it can use it. */
  readonly problems: readonly string[];
}

/** A host that is asked, and its answer so far. */
export interface AskedHost {
  readonly host: string;
  readonly state: 'accepted' | 'refused' | 'silent';
  readonly problems: readonly string[];
}

export interface VersionVote {
  readonly number: number;
  /** The host that asks. */
  readonly asker: string;
  /** The hosts that live. */
  readonly live: readonly string[];
  /** Whether these are all of them, as far as anybody can know now. */
  readonly isSure: boolean;
  /** Whether the host that asks hears no news. */
  readonly isApart: boolean;
  readonly answers: readonly HostAnswer[];
  readonly elapsedMs: number;
}

export type VersionDecision = { readonly hosts: readonly AskedHost[] } & (
  | { readonly kind: 'wait' | 'activate' }
  | { readonly kind: 'refuse'; readonly why: 'refused' | 'silent' | 'unsure' }
);

/** What the host that proposes a version does now: it is put in force if every live host has accepted it, and never otherwise. */
export function decideVersion({
  number,
  asker,
  live,
  isSure,
  isApart,
  answers,
  elapsedMs,
}: VersionVote): VersionDecision {
  const answerOf = new Map(answers.filter(({ answered }) => answered === number).map((one) => [one.host, one]));
  // Its own host is asked even if the list does not have it yet.
  const hosts = [...new Set([asker, ...live])].toSorted().map((host): AskedHost => {
    const problems = answerOf.get(host)?.problems;
    if (problems === undefined) return { host, state: 'silent', problems: [] };
    return { host, state: problems.length === 0 ? 'accepted' : 'refused', problems };
  });
  const isRefused = hosts.some(({ state }) => state === 'refused');
  const isSilent = hosts.some(({ state }) => state === 'silent');
  if (!isRefused && !isSilent && isSure && !isApart && live.includes(asker)) return { kind: 'activate', hosts };
  const limitMs = isRefused ? REFUSED_LIMIT_MS : isApart ? APART_LIMIT_MS : ACCEPT_LIMIT_MS;
  const isOver = elapsedMs >= limitMs;
  if (isRefused && (isOver || !isSilent)) return { kind: 'refuse', why: 'refused', hosts };
  if (isOver) return { kind: 'refuse', why: isApart || !isSilent ? 'unsure' : 'silent', hosts };
  return { kind: 'wait', hosts };
}

/** What PostgreSQL says of the version in force, when a host starts. */
export type ActiveAtStart<Version> =
  | { readonly kind: 'active'; readonly version: Version }
  /** The fleet has none. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown' };

export type VersionAtStart<Version> =
  | { readonly from: 'fleet' | 'disk'; readonly version: Version }
  | { readonly from: 'file'; readonly version: undefined };

/**
 * The configuration with which a host starts: that of the fleet, and without PostgreSQL the one that the host had last. `saved`: that
 * one, undefined if there is none. Without both it is the host's own file.
 */
export function versionAtStart<Version>(
  answer: ActiveAtStart<Version>,
  saved: Version | undefined,
): VersionAtStart<Version> {
  if (answer.kind === 'active') return { from: 'fleet', version: answer.version };
  if (answer.kind === 'unknown' && saved !== undefined) return { from: 'disk', version: saved };
  return { from: 'file', version: undefined };
}

/** A mistake of the person who runs Rampart: printed as one line, exit code 2 or its own, no stack trace. */
export class UsageError extends Error {
  /** Further lines, one a problem, when there is more than one. */
  readonly problems: readonly string[];

  /** Undefined: the usual one. */
  readonly exitCode: number | undefined;

  constructor(message: string, problems: readonly string[] = [], exitCode?: number) {
    super(message);
    this.exitCode = exitCode;
    this.name = 'UsageError';
    this.problems = problems;
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The system error code (`ECONNREFUSED`, …) of whatever was thrown, if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

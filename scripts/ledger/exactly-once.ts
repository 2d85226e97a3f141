/** A request of the client's log. */
export interface LoggedRequest {
  /** Unique among all requests of the run. */
  readonly text: string;
  /** The status of a reply that came whole; 0 if there was none. */
  readonly status: number;
  /** The id in `Location` of a 201. */
  readonly id: string | undefined;
}

/** A row of the table. */
export interface StoredRow {
  readonly id: string;
  readonly text: string;
  /** Whether the record itself says that nobody has got its reply. */
  readonly isAborted: boolean;
}

export interface Verdict {
  /** Replies with 201 whose record is not there, or is there with another text. */
  readonly missing: readonly string[];
  /** Texts that are there more than once. */
  readonly twice: readonly string[];
  /** Records whose reply was an error, and that do not say so. */
  readonly refused: readonly string[];
  /** Records of no request of the log. */
  readonly unknown: readonly string[];
  /** Records whose client has got no whole reply: allowed, since it cannot be told. */
  readonly unanswered: number;
}

/** Compares what clients were told with what is stored. */
export function exactlyOnce(log: readonly LoggedRequest[], rows: readonly StoredRow[]): Verdict {
  const byText = Map.groupBy(rows, ({ text }) => text);
  const requests = new Map(log.map((request) => [request.text, request]));
  const verdict = { missing: [] as string[], twice: [] as string[], refused: [] as string[], unknown: [] as string[] };
  let unanswered = 0;
  for (const { text, status, id } of log) {
    const found = byText.get(text) ?? [];
    if (status === 201 && !found.some((row) => row.id === id)) verdict.missing.push(text);
    if (found.length > 1) verdict.twice.push(text);
    if (status >= 400 && found.some(({ isAborted }) => !isAborted)) verdict.refused.push(text);
    if (status === 0 && found.length > 0) unanswered++;
  }
  for (const text of byText.keys()) if (!requests.has(text)) verdict.unknown.push(text);
  return { ...verdict, unanswered };
}

export const isSound = ({ missing, twice, refused, unknown }: Verdict): boolean =>
  missing.length + twice.length + refused.length + unknown.length === 0;

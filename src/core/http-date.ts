/** Milliseconds since the epoch of an HTTP date (RFC 9110 §5.6.7), or undefined where the text is none. */
export function parseHttpDate(text: string | undefined): number | undefined {
  // Date.parse takes far more than HTTP dates; each of those names its day first.
  if (text === undefined || !/^\s*(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/i.test(text)) return undefined;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}

export function formatHttpDate(wallMs: number): string {
  return new Date(wallMs).toUTCString();
}

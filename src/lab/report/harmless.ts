/** Control characters, and those that change the direction of what follows: a name must not rearrange the text around it. */
const harmful = /[^\P{Cc}\t\n\r]|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/** Text without these characters; half of a surrogate pair, which XML forbids, becomes U+FFFD. */
export const harmless = (text: string): string => text.replaceAll(harmful, '').toWellFormed();

/** Text in one line, for a terminal or a chat. */
export const oneLine = (text: string): string => harmless(text).replaceAll(/\s+/g, ' ').trim();

/** Text escaped for HTML, SVG and XML, also within quotes. */
export const escapeText = (text: string): string =>
  harmless(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

/** Text escaped for Markdown, also in a cell of a table: no HTML, no link, no mention of people, no emphasis. */
export const escapeMarkdown = (text: string): string =>
  oneLine(text)
    .replaceAll(/[\\`*[\]<>|~]|_(?!\w)|(?<!\w)_/g, String.raw`\$&`)
    // An invisible joint keeps @names and #numbers from notifying people and linking issues.
    .replaceAll(/([@#])(?=\w)/g, '$1\u2060');

/** Text cut to this many characters; the last one shows that there were more. */
export function shortened(text: string, most: number): string {
  const characters = [...harmless(text)];
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`;
}

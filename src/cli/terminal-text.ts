/** Characters that move the cursor, change the terminal, or hide what stands beside them; not the ends of lines. */
const unsafe = /[^\P{Cc}\n\t]|\p{Cf}/gu;
const alsoInLines = /[\n\t]/g;

/** As JSON writes it, so that JSON stays what it is. */
function escapedCharacter(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** A text that cannot do anything to the terminal on which it is printed: other hosts, servers and users have named parts of it. */
export const terminalText = (text: string): string => text.replaceAll(unsafe, escapedCharacter);

/** The same for a text that is a part of a line, and cannot begin another one. */
export const lineText = (text: string): string => terminalText(text).replaceAll(alsoInLines, escapedCharacter);

/** Lines, each of which stays one. */
export const linesText = (lines: readonly string[]): string => lines.map((line) => `${lineText(line)}\n`).join('');

/** The output of a command, on which nothing but plain text gets. */
export const terminalOutput = (stream: {
  write(text: string): unknown;
}): { readonly write: (text: string) => unknown } => ({ write: (text) => stream.write(terminalText(text)) });

/** Characters that move the cursor, change the terminal, or hide their neighbours; without tabs and ends of lines. */
const unsafe = /[^\P{Cc}\n\t]|\p{Cf}/gu;
const alsoInLines = /[\n\t]/g;

/** As JSON writes it, so that JSON stays what it is. */
function escapedCharacter(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** Escapes what could change the terminal, because parts of the text come from other hosts, servers and users. */
export const terminalText = (text: string): string => text.replaceAll(unsafe, escapedCharacter);

/** The same for a part of a line: it also escapes tabs and ends of lines, so that the text cannot begin a line of its own. */
export const lineText = (text: string): string => terminalText(text).replaceAll(alsoInLines, escapedCharacter);

/** Joins lines; the text of a line cannot begin another one. */
export const linesText = (lines: readonly string[]): string => lines.map((line) => `${lineText(line)}\n`).join('');

/** The output of a command; it escapes what could change the terminal. */
export const terminalOutput = (stream: {
  write(text: string): unknown;
}): { readonly write: (text: string) => unknown } => ({ write: (text) => stream.write(terminalText(text)) });

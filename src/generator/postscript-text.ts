/** A string of PDF and PostScript; control characters, which their fonts do not have, become spaces. */
export function parenthesised(text: string): string {
  return `(${text.replace(/[^ -~]/g, ' ').replace(/[\\()]/g, (char) => `\\${char}`)})`;
}

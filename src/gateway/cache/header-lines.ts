/**
 * Header lines as entries keep them: those that are like the last one's are its very texts. Replies of a server are alike
 * but for a few lines, and what is kept twice is moved twice by each collection of garbage.
 */
export class HeaderLines {
  #last: readonly string[] = [];

  /** The same lines, in an array that may be shared and must not be changed. */
  shared(lines: readonly string[]): readonly string[] {
    const last = this.#last;
    let same = 0;
    const texts = lines.map((text, index) => {
      if (last[index] !== text) return text;
      same++;
      return last[index] as string;
    });
    if (same === lines.length && same === last.length) return last;
    this.#last = texts;
    return texts;
  }
}

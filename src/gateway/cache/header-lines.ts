/**
 * Header lines as entries keep them: lines that equal those of the last reply share its strings. Most lines of a
 * server's replies are equal, and each garbage collection would move every copy.
 */
export class HeaderLines {
  #last: readonly string[] = [];

  /** The same lines, in an array that may be shared and must not be modified. */
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

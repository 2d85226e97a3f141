/**
 * The part of Markdown that docs/runbook.md uses, as HTML: headings with their ids, paragraphs, lists, tables, code, bold,
 * links within the page. Everything is escaped first, so that no text becomes markup by itself.
 */
export function markdownHtml(text: string): string {
  const blocks = text.split(/\n{2,}|\n(?=#+ )|(?<=^#+ .*)\n/m).filter((block) => block.trim() !== '');
  return joinedFences(blocks).map(blockHtml).join('\n');
}

/** A fence may have empty lines in it. */
function joinedFences(blocks: readonly string[]): string[] {
  const joined: string[] = [];
  let fence: string | undefined;
  for (const block of blocks) {
    const whole = fence === undefined ? block : `${fence}\n\n${block}`;
    const isOpen = (whole.match(/^```/gm) ?? []).length % 2 === 1;
    if (isOpen) fence = whole;
    else {
      joined.push(whole);
      fence = undefined;
    }
  }
  return fence === undefined ? joined : [...joined, fence];
}

function blockHtml(block: string): string {
  const [, marks, title] = /^(#{1,4}) (.*)/.exec(block) ?? [];
  if (marks !== undefined && title !== undefined)
    return `<h${marks.length} id="${escaped(idOf(title))}">${inline(title)}</h${marks.length}>`;
  if (block.startsWith('```')) return `<pre><code>${escaped(block.replace(/^```.*\n|\n```$/g, ''))}</code></pre>`;
  const lines = block.split('\n');
  if (block.startsWith('|')) return tableHtml(lines);
  if (lines.every((line) => /^(- | {2})/.test(line))) {
    const items = block.split(/\n(?=- )/).map((item) => `<li>${inline(item.slice(2).replaceAll(/\n\s+/g, ' '))}</li>`);
    return `<ul>${items.join('')}</ul>`;
  }
  // A line that begins with a bold word is a paragraph of its own.
  return block
    .split(/\n(?=\*\*)/)
    .map((line) => `<p>${inline(line.replaceAll('\n', ' '))}</p>`)
    .join('\n');
}

function tableHtml(lines: readonly string[]): string {
  const cells = (line: string, tag: string): string =>
    line
      .replace(/^\||\|$/g, '')
      .split('|')
      .map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`)
      .join('');
  const [head = '', , ...rows] = lines;
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('');
  return `<table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${body}</tbody></table>`;
}

const inline = (text: string): string =>
  text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? `<code>${escaped(part.slice(1, -1))}</code>` : marked(escaped(part))))
    .join('');

/** Other pages of docs are not served: their links become their texts. */
const marked = (text: string): string =>
  text
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/\[([^\]]+)\]\((#[\w-]+)\)/g, '<a href="$2">$1</a>')
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1');

/** As GitHub makes them. */
const idOf = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');

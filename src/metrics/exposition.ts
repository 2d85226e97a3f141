import type { FamilySnapshot, Snapshot } from './instruments.ts';

/** The metrics in the Prometheus text format, version 0.0.4. */
export function renderPrometheus(snapshot: Snapshot): string {
  return snapshot.map(renderFamily).join('');
}

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function renderFamily(family: FamilySnapshot): string {
  const lines = [`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.kind}`];
  for (const [values, value] of family.series) {
    const labels = family.labels.map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`);
    if (typeof value === 'number') {
      lines.push(`${family.name}${braced(labels)} ${number(value)}`);
      continue;
    }
    let cumulated = 0;
    for (const [index, count] of value.counts.entries()) {
      cumulated += count;
      const bound = family.bounds?.[index];
      const limit = `le="${bound === undefined ? '+Inf' : number(bound)}"`;
      lines.push(`${family.name}_bucket${braced([...labels, limit])} ${cumulated}`);
    }
    lines.push(`${family.name}_sum${braced(labels)} ${number(value.sum)}`);
    lines.push(`${family.name}_count${braced(labels)} ${cumulated}`);
  }
  return `${lines.join('\n')}\n`;
}

const braced = (labels: readonly string[]): string => (labels.length === 0 ? '' : `{${labels.join(',')}}`);

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

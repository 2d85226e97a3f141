export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Samples by metric, from the Prometheus text format 0.0.4; a line that is none is left out. */
export function parseMetrics(text: string): ReadonlyMap<string, readonly MetricSample[]> {
  const found = new Map<string, MetricSample[]>();
  for (const line of text.split('\n')) {
    const [, name, labels = '', value = ''] = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/.exec(line) ?? [];
    if (name === undefined) continue;
    const samples = found.get(name) ?? [];
    if (samples.length === 0) found.set(name, samples);
    samples.push({ labels: parseLabels(labels), value: parseValue(value) });
  }
  return found;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    if (name !== undefined && value !== undefined) labels[name] = unescaped(value);
  }
  return labels;
}

const unescaped = (value: string): string =>
  value.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));

const infinities: Readonly<Record<string, number>> = { '+Inf': Infinity, '-Inf': -Infinity };
const parseValue = (text: string): number => infinities[text] ?? Number(text);

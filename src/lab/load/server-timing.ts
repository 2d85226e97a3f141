export interface ServerTiming {
  readonly waitMs: number;
  readonly execMs: number;
}

/** The whole wait and exec of a Server-Timing header (W3C); undefined where it has not both. Phases such as `wait-queue` are other entries. */
export function parseServerTiming(header: string): ServerTiming | undefined {
  const waitMs = duration(header, 'wait');
  const execMs = duration(header, 'exec');
  return waitMs === undefined || execMs === undefined ? undefined : { waitMs, execMs };
}

function duration(header: string, name: string): number | undefined {
  for (const entry of header.split(',')) {
    const [metric = '', ...parameters] = entry.split(';');
    if (metric.trim() !== name) continue;
    const found = parameters.map((parameter) => /^\s*dur=([\d.]+)\s*$/.exec(parameter)?.[1]).find(Boolean);
    return found === undefined ? undefined : Number(found);
  }
  return undefined;
}

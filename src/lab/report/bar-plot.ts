import type { Series } from './run-record.ts';
import { number } from './tables.ts';

const WIDTH = 40;
/** A bar in eighths of a character. */
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** Throughput over the load as bars, with p95 behind them: a plot for the terminal. Empty where there is no curve to see. */
export function barPlot({ steps, loadUnit }: Series): string[] {
  if (new Set(steps.map(({ load }) => load.amount)).size < 3) return [];
  const most = Math.max(...steps.map(({ figures }) => figures.throughputPerSecond), Number.MIN_VALUE);
  const loads = steps.map(({ load }) => `${number(load.amount)} ${loadUnit}`);
  const loadWidth = Math.max(...loads.map(({ length }) => length));
  return steps.map(({ figures }, index) => {
    const { throughputPerSecond, latency } = figures;
    const label = `${number(throughputPerSecond, 1)}/s, p95 ${number(latency.p95Ms, 1)} ms`;
    return `  ${loads[index]?.padStart(loadWidth)}  ${bar(throughputPerSecond / most).padEnd(WIDTH)}  ${label}`;
  });
}

function bar(share: number): string {
  const eighths = Math.round(share * WIDTH * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (PARTS[eighths % 8] ?? '');
}

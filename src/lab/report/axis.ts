/** A scale with round ticks. `at` maps a value to its share of the length, from 0 to 1. */
export interface Axis {
  readonly isLog: boolean;
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

export interface AxisOptions {
  /** Most ticks that have room. */
  readonly most: number;
  /** Starts at 0, so that heights compare; a logarithmic axis cannot. */
  readonly isFromZero: boolean;
  /** Values that are further apart than this factor get a logarithmic axis. */
  readonly logFrom: number;
  /** Ticks at whole numbers alone. */
  readonly isWhole?: boolean;
}

/** Room beyond the outermost values, as a share of the length. */
const MARGIN = 0.06;
/** Below it a value is nothing but rounding: an axis up to a billionth would look like a measurement. */
const LEAST = 1e-6;
/** Values that differ by a smaller part of their size count as one: labels have six digits, and could not tell their ticks apart. */
const SAME = 1e-4;

/** The axis of these values. Values that are not finite count for nothing; without a value it goes from 0 to 1. */
export function axisOf(values: readonly number[], { most, isFromZero, logFrom, isWhole = false }: AxisOptions): Axis {
  const known = values.filter((value) => Number.isFinite(value));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (known.length === 0 || Math.max(Math.abs(low), Math.abs(high)) < LEAST) return linearAxis(0, 1, most, isWhole);
  if (low >= LEAST && high / low > logFrom) return logAxis(low, high, most);
  // Values that begin far from 0 would share a strip at the end of an axis from 0.
  const isOne = high - low <= SAME * Math.max(Math.abs(low), Math.abs(high));
  const isNear = isFromZero || isOne || low / high < 0.25;
  if (low >= 0 && isNear) return linearAxis(0, high * (1 + MARGIN), most, isWhole);
  const margin = MARGIN * (isOne ? Math.abs(high) : high - low);
  return linearAxis(low - margin, high + margin, most, isWhole);
}

const steps = [1, 2, 5, 10] as const;

/** Ticks at steps of 1, 2 or 5 times a power of ten. */
function linearAxis(from: number, to: number, most: number, isWhole: boolean): Axis {
  const power = 10 ** Math.floor(Math.log10((to - from) / most));
  const factor = steps.find((each) => (to - from) / (each * power) <= most) ?? 10;
  const step = isWhole ? Math.max(1, factor * power) : factor * power;
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  const ticks = Array.from({ length: Math.max(0, count) }, (_, index) => rounded((first + index) * step));
  return { isLog: false, from, to, ticks, at: (value) => (value - from) / (to - from) };
}

/** Ticks at 1, 2 and 5 times powers of ten, or at powers of ten where there is no room for more. */
function logAxis(low: number, high: number, most: number): Axis {
  const stretch = (high / low) ** MARGIN;
  const [from, to] = [low / stretch, high * stretch];
  const [first, last] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))];
  const decades = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const within = (factors: readonly number[], every: number): number[] =>
    decades
      .filter((decade) => decade % every === 0)
      .flatMap((decade) => factors.map((factor) => rounded(factor * 10 ** decade)))
      .filter((tick) => tick >= from && tick <= to);
  const choices = [within([1, 2, 5], 1), within([1, 5], 1), ...[1, 2, 3, 4, 6, 8].map((every) => within([1], every))];
  const ticks = choices.find(({ length }) => length <= most) ?? [];
  const [start, length] = [Math.log(from), Math.log(to) - Math.log(from)];
  return { isLog: true, from, to, ticks, at: (value) => (Math.log(value) - start) / length };
}

/** Without the last digits of a product such as 3 × 0.1. */
const rounded = (value: number): number => Number(value.toPrecision(10));

const THOUSAND = 1000;

/** A tick as people read it: 0.05, 250, 1,500, 20k, 3M. */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= THOUSAND ** 2) return `${plain(value / THOUSAND ** 2)}M`;
  if (size >= 10 * THOUSAND) return `${plain(value / THOUSAND)}k`;
  return plain(value);
}

const plain = (value: number): string => value.toLocaleString('en-US', { maximumSignificantDigits: 6 });

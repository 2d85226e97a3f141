import { number, percent, textTable } from '../report/tables.ts';
import type { ForecastSource } from './evidence.ts';
import type { Estimate, Forecast, ForecastQuestion } from './forecast.ts';

/** A forecast for a terminal. */
export function forecastText(
  source: ForecastSource,
  { rate, targetMs, quantile, slots }: ForecastQuestion,
  { generators, hosts, hostCapacity, serviceMs, costs }: Forecast,
  carried: { readonly generators: number; readonly rate: number },
): string {
  const hostLines =
    hosts === undefined || hostCapacity === undefined
      ? ['hosts: not known, because one load says nothing of how a host grows; take a run of rampart lab ramp']
      : [
          `hosts like the measured one: ${whole(hosts)}; one carries ${interval(hostCapacity, 1)} requests/s within the target`,
        ];
  const measured =
    source.generators === undefined
      ? []
      : [
          `${carried.generators} ${carried.generators === 1 ? 'generator carries' : 'generators carry'} ${number(carried.rate, 1)} requests/s by the same calculation: compare with rampart lab capacity`,
        ];
  return [
    `${number(rate, decimalsOf(rate))} requests/s, ${quantile} within ${targetMs} ms, by ${source.name}`,
    '',
    `generators of ${slots} slots: ${whole(generators)}`,
    ...hostLines,
    `service time: ${interval(serviceMs, 1)} ms`,
    ...measured,
    '',
    textTable({
      columns: ['generators', 'busy', 'refused', 'p95 ms', 'p99 ms', 'idle permits'],
      rows: costs.map((cost) => [
        `${cost.generators}${cost.generators === generators.value ? ' (needed)' : ''}`,
        percent(cost.busyShare),
        percent(cost.refusedShare, 2),
        number(cost.p95Ms),
        number(cost.p99Ms),
        number(cost.idlePermits, 1),
      ]),
    }),
  ].join('\n');
}

/** As many as the question has. */
const decimalsOf = (rate: number): number => (Number.isInteger(rate) ? 0 : (String(rate).split('.')[1]?.length ?? 0));

const interval = ({ value, low, high }: Estimate, digits: number): string =>
  `${number(value, digits)} (${number(low, digits)} to ${number(high, digits)})`;

const whole = (estimate: Estimate): string =>
  Number.isFinite(estimate.value) ? interval(estimate, 0) : 'none is enough';

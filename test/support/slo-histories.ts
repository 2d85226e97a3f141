import { parseSlo } from '../../src/config/slo-file.ts';
import { ruleGroups, yamlText } from '../../src/cli/slo-rules/rule-file.ts';
import { errorInput, eventInput, type EventGrowth } from '../../src/cli/slo-rules/test-series.ts';
import { SloWatch } from '../../src/control/see/slo-watch.ts';
import { readTotals } from '../../src/control/see/totals.ts';
import { GatewayMetrics } from '../../src/gateway/metrics.ts';
import { latencyBounds } from '../../src/metrics/latency-bounds.ts';
import { Registry } from '../../src/metrics/instruments.ts';
import { promtool } from './promtool.ts';

/** What becomes of an endpoint with an objective of 99.9 % without an error. */
export interface SloHistory {
  readonly name: string;
  readonly growths: readonly EventGrowth[];
  /** After this minute all counters begin again at 0. */
  readonly resetAfter?: number;
  /** After this minute control is away for some minutes. */
  readonly controlAway?: { readonly after: number; readonly minutes: number };
}

const g = (minutes: number, perMinute: number, badShare = 0): EventGrowth => ({
  minutes,
  bad: perMinute * badShare,
  good: perMinute * (1 - badShare),
});

const sound = g(120, 600);
export const histories: readonly SloHistory[] = [
  { name: 'steady, no errors', growths: [g(240, 600)] },
  { name: 'steady, half of the budget', growths: [g(360, 600, 0.0005)] },
  { name: 'steady, 1.5 times the budget', growths: [g(360, 600, 0.0015)] },
  { name: 'steady, 10 times the budget', growths: [g(360, 600, 0.01)] },
  { name: 'an outage of 10 minutes', growths: [sound, g(10, 600, 1), g(180, 600)] },
  { name: 'an outage of an hour', growths: [sound, g(60, 600, 1), g(240, 600)] },
  { name: 'half of the requests fail for 5 minutes', growths: [sound, g(5, 600, 0.5), g(180, 600)] },
  { name: 'a burst of errors in one minute', growths: [g(360, 600), g(1, 600, 1), g(120, 600)] },
  { name: 'a slow burn after a good day', growths: [g(1440, 600), g(480, 600, 0.005)] },
  { name: 'a slow burn that ends', growths: [g(360, 600), g(120, 600, 0.008), g(480, 600)] },
  { name: 'a good night, a busy bad day', growths: [g(480, 30), g(240, 1200, 0.003), g(120, 1200)] },
  { name: 'one error in a quiet hour', growths: [g(120, 1), g(1, 1, 1), g(120, 1)] },
  { name: 'a trickle that fails for two hours', growths: [g(120, 3), g(120, 3, 1), g(300, 3)] },
  { name: 'no traffic, then an outage', growths: [g(120, 0), g(20, 600, 1), g(120, 600)] },
  { name: 'traffic ends in an outage', growths: [sound, g(10, 600, 1), g(240, 0)] },
  { name: 'counters begin again while all is well', growths: [g(300, 600)], resetAfter: 150 },
  { name: 'counters begin again in an outage', growths: [sound, g(30, 600, 1), g(120, 600)], resetAfter: 135 },
  {
    name: 'control is away for 10 good minutes',
    growths: [g(300, 600)],
    controlAway: { after: 120, minutes: 10 },
  },
  {
    name: 'control is away for 3 minutes of an outage',
    growths: [sound, g(30, 600, 1), g(120, 600)],
    controlAway: { after: 130, minutes: 3 },
  },
  {
    name: 'errors come and go every 20 minutes',
    growths: Array.from({ length: 8 }, () => [g(15, 600), g(5, 600, 0.2)]).flat(),
  },
];

export const INTERVAL_MINUTES = 5;
const BUDGET_TOLERANCE = 0.01;
const START_MS = 40 * 86_400_000;
const LOOKS_A_MINUTE = 4;

const parsed = parseSlo(
  'service: shop\nendpoints: [{ id: work, objectives: [{ sli: availability, target: 0.999 }] }]',
  'slo.yaml',
);
if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
const { slo } = parsed;

type State = 'none' | 'ticket' | 'page';
const states: readonly State[] = ['none', 'ticket', 'page'];

interface Moment {
  readonly state: State;
  readonly budgetLeft: number;
}

/** What control says after each minute, the first after none. */
function byControl({ growths, resetAfter, controlAway }: SloHistory): Moment[] {
  let watch = new SloWatch(slo);
  let registry = new Registry();
  const momentAt = (minute: number): Moment => {
    const [status] = watch.status(START_MS + minute * 60_000).objectives;
    return { state: status?.firing ?? 'none', budgetLeft: status?.budgetLeft ?? 1 };
  };
  let requests = new GatewayMetrics(registry).requests;
  const look = (ms: number): void => watch.look(readTotals([registry.snapshot()]), ms);
  requests.of('work', '200').add(0);
  look(START_MS);
  const moments = [momentAt(0)];
  let minute = 0;
  for (const { minutes, bad, good } of growths) {
    for (let each = 0; each < minutes; each++, minute++) {
      if (minute === resetAfter) {
        registry = new Registry();
        requests = new GatewayMetrics(registry).requests;
      }
      const isAway =
        controlAway !== undefined && minute >= controlAway.after && minute < controlAway.after + controlAway.minutes;
      if (minute === controlAway?.after) {
        const saved = JSON.parse(JSON.stringify(watch.saved())) as ReturnType<SloWatch['saved']>;
        watch = new SloWatch(slo);
        watch.restore(saved);
      }
      for (let part = 1; part <= LOOKS_A_MINUTE; part++) {
        requests.of('work', '200').add(good / LOOKS_A_MINUTE);
        requests.of('work', '500').add(bad / LOOKS_A_MINUTE);
        if (!isAway) look(START_MS + (minute + part / LOOKS_A_MINUTE) * 60_000);
      }
      moments.push(momentAt(minute + 1));
    }
  }
  return moments;
}

const firing = (severity: string): string => `count(ALERTS{alertstate="firing",severity="${severity}"}) * 0`;
const STATE = `${firing('page')} + 2 or ${firing('ticket')} + 1 or vector(0)`;
const BUDGET = 'sum(slo:period_error_budget_remaining:ratio)';
/** Nothing has this value, so that promtool says what it has instead. */
const NEVER = -12_345.5;

/** What the rules say at each interval; read out of what promtool says of tests that cannot pass. */
async function byPrometheus({ growths, resetAfter }: SloHistory): Promise<Moment[]> {
  const minutes = growths.reduce((sum, growth) => sum + growth.minutes, 0);
  const times = Array.from({ length: Math.floor(minutes / INTERVAL_MINUTES) + 1 }, (_, at) => at * INTERVAL_MINUTES);
  const expression = (expr: string) =>
    times.map((minute) => ({ expr, eval_time: `${minute}m`, exp_samples: [{ labels: '{}', value: NEVER }] }));
  const test = {
    interval: '1m',
    input_series: errorInput('work', eventInput(growths, resetAfter)),
    promql_expr_test: [...expression(STATE), ...expression(BUDGET)],
  };
  const files = {
    // promtool computes groups in any order.
    'r.yaml': yamlText('', {
      groups: [{ name: 'all', rules: ruleGroups(slo, latencyBounds).flatMap(({ rules }) => rules) }],
    }),
    't.yaml': yamlText('', { rule_files: ['r.yaml'], evaluation_interval: `${INTERVAL_MINUTES}m`, tests: [test] }),
  };
  const { output } = await promtool(files, 'test', 'rules', 't.yaml');
  const values = [...output.matchAll(/got:\s*(?:\{\}\s*([-+.\deE]+|NaN)|nil)/g)].map(([, value]) => Number(value ?? 1));
  if (values.length !== 2 * times.length)
    throw new Error(`promtool said ${values.length} values of ${2 * times.length}: ${output.slice(0, 500)}`);
  return times.map((_, at) => ({
    state: states[values[at] ?? 0] ?? 'none',
    budgetLeft: values[at + times.length] ?? 1,
  }));
}

export interface Agreement {
  readonly history: SloHistory;
  /** When each state began, in minutes. */
  readonly control: readonly (readonly [State, number])[];
  readonly prometheus: readonly (readonly [State, number])[];
  readonly budgets: readonly [number, number];
  /** Moments at which Prometheus says what control says neither then nor within an interval. */
  readonly disagreements: readonly string[];
}

/** Compares both over one history, each interval. */
export async function agreementOn(history: SloHistory): Promise<Agreement> {
  const control = byControl(history);
  const prometheus = await byPrometheus(history);
  const disagreements = prometheus.flatMap((moment, at) => {
    const minute = at * INTERVAL_MINUTES;
    const near = control.slice(Math.max(0, minute - INTERVAL_MINUTES), minute + INTERVAL_MINUTES + 1);
    const budgets = near.map(({ budgetLeft }) => budgetLeft);
    const slack = BUDGET_TOLERANCE * Math.max(1, ...budgets.map(Math.abs));
    const isBudget =
      moment.budgetLeft >= Math.min(...budgets) - slack && moment.budgetLeft <= Math.max(...budgets) + slack;
    const isState = near.some(({ state }) => state === moment.state);
    if (isBudget && isState) return [];
    const [own] = control.slice(minute);
    return [`${minute} min: control ${own?.state} ${own?.budgetLeft}, Prometheus ${moment.state} ${moment.budgetLeft}`];
  });
  return {
    history,
    control: changes(control, 1),
    prometheus: changes(prometheus, INTERVAL_MINUTES),
    budgets: [control.at(-1)?.budgetLeft ?? 1, prometheus.at(-1)?.budgetLeft ?? 1],
    disagreements,
  };
}

const changes = (moments: readonly Moment[], minutes: number): [State, number][] =>
  moments.flatMap(({ state }, at) =>
    state === (moments[at - 1]?.state ?? 'none') ? [] : [[state, at * minutes] as [State, number]],
  );

import { burnRules, canFire } from './burn-rate.ts';
import { promiseText, type Slo } from './slo.ts';

/** The alerts that could not fire even if every request were bad, each with what would work. */
export function impossibleAlerts({ endpoints, windowMs }: Slo): string[] {
  return endpoints.flatMap(({ id, objectives }) =>
    objectives.flatMap((objective) =>
      burnRules(windowMs)
        .filter((rule) => !canFire(rule, objective.target))
        .map(({ name, factor }) => {
          const [most, least] = [1 / (1 - objective.target), 1 - 1 / factor];
          const rate = Number(factor.toFixed(2));
          return `${id}, ${promiseText(objective)}: the alert ${name} can never fire: it needs a burn rate above ${rate}, and the most is ${Number(most.toFixed(2))} when every request is bad. What would work: a target above ${Number((least * 100).toFixed(2))} %, such as a second objective with twice the time`;
        }),
    ),
  );
}

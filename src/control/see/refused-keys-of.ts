import { z } from 'zod';
import type { RefusedKeyView } from '../../protocol/live-view.ts';
import { isProtective } from '../../policy/slo/shed-reasons.ts';

const SHOWN_KEYS = 10;

const refusedKeys = z.object({
  refused_keys: z.array(z.object({ id: z.string(), name: z.string(), reasons: z.record(z.string(), z.number()) })),
});

/** The keys whose requests a worker refuses to protect the host, by their ids, read from its status. */
export function refusedKeysIn(status: unknown): Map<string, RefusedKeyView> {
  const found = refusedKeys.safeParse(status).data?.refused_keys ?? [];
  return new Map(
    found.flatMap(({ id, name, reasons }) => {
      const protective = Object.entries(reasons).filter(([reason]) => isProtective(reason));
      return protective.length === 0 ? [] : [[id, { name, refusedBy: Object.fromEntries(protective) }]];
    }),
  );
}

const totalOf = ({ refusedBy }: RefusedKeyView): number =>
  Object.values(refusedBy).reduce((sum, rate) => sum + rate, 0);

const roundedRates = ({ name, refusedBy }: RefusedKeyView): RefusedKeyView => ({
  name,
  refusedBy: Object.fromEntries(
    Object.entries(refusedBy).map(([reason, rate]) => [reason, Math.round(rate * 10) / 10]),
  ),
});

/** The keys of all workers with the most refused requests. Rates are rounded to tenths. */
export function refusedKeysOf(workers: readonly ReadonlyMap<string, RefusedKeyView>[]): Record<string, RefusedKeyView> {
  const sums = new Map<string, { name: string; refusedBy: Record<string, number> }>();
  for (const [id, { name, refusedBy }] of workers.flatMap((keys) => [...keys])) {
    const sum = sums.get(id) ?? { name, refusedBy: {} };
    for (const [reason, rate] of Object.entries(refusedBy)) sum.refusedBy[reason] = (sum.refusedBy[reason] ?? 0) + rate;
    sums.set(id, sum);
  }
  const most = [...sums].toSorted(([, one], [, other]) => totalOf(other) - totalOf(one)).slice(0, SHOWN_KEYS);
  return Object.fromEntries(most.map(([id, key]) => [id, roundedRates(key)]));
}

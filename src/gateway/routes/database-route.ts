import type { EndpointMetrics } from '../metrics.ts';
import type { Exchange } from '../exchange.ts';
import type { GatewayContext } from '../context.ts';
import { AdmissionBusy } from '../limits/fair-admission.ts';
import { Refusal } from '../refusal.ts';
import type { LocalRoute } from './route.ts';
import { storeRefusal } from './store-refusal.ts';

const busy = new Refusal('overloaded', 'too many reads of the database are under way', { retryAfterSeconds: 1 });

/** The refusal for a read that failed; an exception that is a bug is thrown again. */
export const readRefusal = (error: unknown): Refusal => (error instanceof AdmissionBusy ? busy : storeRefusal(error));

type Answer = (x: Exchange) => Promise<Refusal | (() => void)>;

/** A route whose work is done by the database: its time counts as exec, and its failure is not the client's fault. */
export function databaseRoute(gateway: GatewayContext, metrics: EndpointMetrics, answer: Answer): LocalRoute {
  return {
    kind: 'local',
    metrics,
    async answer(x) {
      const startedAt = gateway.clock.now();
      const result = await gateway.requestScope.run(x.id, () => answer(x)).catch(readRefusal);
      x.execMs = gateway.clock.now() - startedAt;
      x.execPhase = 'database';
      if (result instanceof Refusal) return result;
      result();
      return undefined;
    },
  };
}

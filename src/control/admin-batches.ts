import { builtinPrefix } from '../config/own-routes.ts';
import { type BatchOfKey, MOST_SHOWN } from '../store/batches/batch-overview.ts';
import { publicBatch } from '../store/batches/public-batch.ts';
import { whoAsks } from './admin-access.ts';
import type { AdminRequest } from './admin-request.ts';
import { storeEndpoint } from './admin-store.ts';

/** An endpoint about batches. */
const withBatches = storeEndpoint({
  part: ({ batches }) => batches,
  missing: 'this host has no database, so that it has no batches',
  what: 'the batches',
});

/** GET /api/batches: of all keys, those that have not ended first. */
export const listAllBatches = withBatches(async (batches, request) => {
  const newest = await batches.newest();
  const shown = newest.slice(0, MOST_SHOWN).map((batch) => shownBatch(batch, request));
  return { batches: shown, has_more: newest.length > MOST_SHOWN };
});

/** POST /api/batches/{id}/cancel: no further item is begun. A batch that has ended is answered as it is. */
export const cancelAnyBatch = withBatches(async (batches, request) => {
  const [id = ''] = request.parts;
  const stopped = await batches.stop(id);
  if (stopped === undefined)
    return { status: 404, reason: 'not-found', detail: 'there is no such batch; GET /api/batches lists them' };
  const { batch, isChanged } = stopped;
  if (isChanged)
    request.control.observer.changed(
      'batch',
      `batch ${batch.id} of ${batch.keyName} is cancelled`,
      whoAsks(request.req),
    );
  return shownBatch(batch, request);
});

const shownBatch = (batch: BatchOfKey, { control, clock }: AdminRequest): Record<string, unknown> => ({
  ...publicBatch(batch, builtinPrefix(control.config), clock.wallNow()),
  key: { id: batch.keyId, name: batch.keyName, prefix: batch.keyPrefix },
});

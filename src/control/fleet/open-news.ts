import { join } from 'node:path';
import { ValkeyNews } from '../../store/valkey/valkey-news.ts';
import type { ControlDependencies } from '../control-dependencies.ts';
import { NewsDesk } from './news-desk.ts';
import type { SavedProgress } from './news-file.ts';
import { NewsJournal } from './news-journal.ts';
import { type NewsActions, newsKinds } from './news-kinds.ts';
import { NewsMetrics } from './news-metrics.ts';
import type { NewsReaderOptions } from './news-reader.ts';

interface NewsParts {
  readonly orders: NewsReaderOptions['orders'];
  readonly epoch: number;
  readonly saved: SavedProgress | undefined;
  readonly actions: NewsActions;
}

const FILE = 'fleet-news.json';

export const progressPath = ({ runFolder }: ControlDependencies): string => join(runFolder, FILE);

/** The news of the fleet; undefined without VALKEY_URL. */
export function openNews(dependencies: ControlDependencies, parts: NewsParts): NewsDesk | undefined {
  const { valkey, clock, log, bugs, registry, runFolder, host = runFolder, fleetNews } = dependencies;
  if (valkey === undefined) return undefined;
  const { actions, orders, epoch, saved } = parts;
  return new NewsDesk({
    host,
    stream: new ValkeyNews(valkey),
    journal: new NewsJournal({ clock, log, store: fleetNews }),
    clock,
    log,
    bugs,
    metrics: new NewsMetrics(registry),
    kinds: newsKinds(actions),
    flush: (position) => {
      actions.purge({}, { position });
      actions.forgetKeys();
      actions.lookAtConfig();
    },
    orders,
    epoch,
    path: progressPath(dependencies),
    saved,
  });
}

import { z } from 'zod';
import { loadJson, saveJson } from '../../core/json-file.ts';
import type { NewsPosition } from '../../protocol/news-position.ts';
import type { CachePosition } from '../../protocol/cache-order.ts';

/** How far the workers of a host are, for the next control. */
export interface SavedProgress {
  readonly news: NewsPosition;
  /** The order with which they had carried it out. */
  readonly orders: CachePosition;
}

const count = z.int().min(0);
const fileSchema = z.object({
  news: z.object({ stream: z.string(), number: count }),
  orders: z.object({ epoch: count, number: count }),
});

/** Undefined if there is none; then the workers forget everything. */
export const loadProgress = (path: string): SavedProgress | undefined => fileSchema.safeParse(loadJson(path)).data;

/** Throws the system's error. */
export const saveProgress = (path: string, saved: SavedProgress): void => saveJson(path, saved);

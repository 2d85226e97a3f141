/**
 * A worker that hangs is to be noticed, replaced and accepting again within three seconds: two of silence, and what is
 * left for its successor to start.
 */
export const HANG_LIMIT_MS = 2000;
/** How often a process says that it lives, and how often that is looked at. */
export const BEAT_INTERVAL_MS = 250;
/** A gap between two checks counts for no more than this: beyond it, the watcher itself did not run. */
export const LONGEST_GAP_MS = 2 * BEAT_INTERVAL_MS;

/** The message by which a process tells its parent that it lives. */
export const BEAT = 'beat';

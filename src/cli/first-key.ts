import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/model.ts';
import { systemClock } from '../core/clock.ts';
import { hashOfKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import type { PreparedDatabase } from './database.ts';

const FIRST_KEY_FILE = 'first-key';

/** The first key, as a start shows it. */
export interface FirstKey {
  readonly shown: string;
  /** The text that stands for the key in the example of a command line. */
  readonly forShell: string;
}

/**
 * A key to begin with, made when there is none, and shown this once: what a start says may be collected and kept. With
 * the embedded database it lies beside that, for this user alone, and later starts name the file.
 */
export async function firstKey(config: Config, { store, isEmbedded }: PreparedDatabase): Promise<FirstKey> {
  const path = join(config.dataDir, FIRST_KEY_FILE);
  if (isEmbedded && (await isKeyKept(path, store))) return { shown: `in ${path}`, forShell: `$(cat '${path}')` };
  if (await store.keys.hasValid()) {
    return { shown: 'make one: rampart keys create', forShell: '<your key>' };
  }
  const { text } = await store.keys.create('first');
  if (!isEmbedded) return { shown: `${text}    (shown this once)`, forShell: text };
  writeFileSync(path, `${text}\n`, { mode: 0o600 });
  return { shown: `${text}    (shown this once; kept in ${path})`, forShell: text };
}

/** Whether the file has a key that is still good. */
async function isKeyKept(path: string, store: Store): Promise<boolean> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    return false;
  }
  const record = await store.keys.findByHash(hashOfKey(text));
  if (record === undefined || record.revokedAtMs !== undefined) return false;
  return record.expiresAtMs === undefined || record.expiresAtMs > systemClock.wallNow();
}

// node scripts/with-setup.mjs <entry.ts> [arguments]: sets up what is missing, then runs the entry on the pinned Node.
import { resolve } from 'node:path';
import { runNode } from './run-node.mjs';
import { pinnedNode, root, setUp } from './setup.mjs';

/** Runs an entry of the project as if it were this process. */
export function runEntry(entry, args) {
  try {
    setUp();
  } catch (error) {
    console.error(`rampart: ${error.message}`);
    process.exit(2);
  }
  runNode(pinnedNode, resolve(root, entry), args);
}

const [entry, ...args] = process.argv.slice(2);
if (process.argv[1]?.endsWith('with-setup.mjs')) {
  if (entry === undefined) {
    console.error('usage: node scripts/with-setup.mjs <entry.ts> [arguments]');
    process.exit(2);
  }
  runEntry(entry, args);
}

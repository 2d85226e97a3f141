#!/usr/bin/env node
// The `rampart` command: the CLI on the Node that comes with it, whatever Node the shell finds first.
import { existsSync } from 'node:fs';
import { runNode } from './run-node.mjs';
import { findNode, isClone, programFile } from './runtime.mjs';

const args = process.argv.slice(2);
if (isClone) (await import('./with-setup.mjs')).runEntry('src/cli/main.ts', args);
else runInstalled();

function runInstalled() {
  const entry = programFile('cli/main');
  try {
    if (!existsSync(entry))
      throw new Error(
        `Cannot run Rampart, as its package lacks ${entry}: make it with npm pack, without --ignore-scripts`,
      );
    runNode(findNode(), entry, args);
  } catch (error) {
    console.error(`rampart: ${error.message}`);
    process.exit(2);
  }
}

#!/usr/bin/env node
// The `rampart` command: the CLI on the pinned Node, whatever Node the shell finds first.
import { runEntry } from './with-setup.mjs';

runEntry('src/cli/main.ts', process.argv.slice(2));

// Loads the modules of every long-running role and of the commands; Node writes what it has compiled when this process
// ends (NODE_COMPILE_CACHE). Nothing runs: a command is a function that nobody calls here.
import { pathToFileURL } from 'node:url';
import { programFile } from './runtime.mjs';

const load = (path) => import(pathToFileURL(programFile(path)).href);
const commands = ['start', 'control', 'gateway', 'generator', 'keys', 'check', 'lab', 'simulate', 'reload'];
await load('cli/io');
for (const name of commands) await load(`cli/${name}`);
// The entry itself runs when it is loaded, so it is asked for its version, which goes nowhere.
process.argv.splice(2, process.argv.length, '--version');
process.stdout.write = () => true;
await load('cli/main');

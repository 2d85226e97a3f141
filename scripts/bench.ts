// npm run bench: processor time per barcode, and per proxied request beside other proxies, in one run.
import { benchProxies, printProxies } from './bench/proxy.ts';
import { benchRender } from './bench/render.ts';
import { ensureTestTools } from './test-tools.ts';

ensureTestTools();
await benchRender();
console.log();
printProxies(await benchProxies());

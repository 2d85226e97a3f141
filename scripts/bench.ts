// npm run bench: processor time per barcode, and per proxied request beside other proxies, in one run.
import { benchProxies, printProxies } from './bench/proxy.ts';
import { benchRender, renderTable } from './bench/render.ts';
import { ensureTestTools } from './test-tools.ts';

ensureTestTools();
console.log(renderTable(await benchRender()));
console.log();
printProxies(await benchProxies());

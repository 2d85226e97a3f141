// npm run bench: processor time per barcode, per proxied request beside other proxies, and per request step by step.
// npm run bench -- steps (or render, proxies): that part alone.
import { benchProxies, printProxies } from './bench/proxy.ts';
import { benchRender, renderTable } from './bench/render.ts';
import { benchSteps, stepsTitle } from './bench/steps.ts';
import { ensureTestTools } from './test-tools.ts';

const parts: Readonly<Record<string, () => Promise<void>>> = {
  render: async () => console.log(renderTable(await benchRender())),
  proxies: async () => printProxies(await benchProxies()),
  steps: async () => printProxies(await benchSteps(), stepsTitle),
};

ensureTestTools();
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
for (const name of wanted) {
  const part = parts[name];
  if (part === undefined) throw new Error(`There is no part '${name}'; there are ${Object.keys(parts).join(', ')}`);
  await part();
  console.log();
}

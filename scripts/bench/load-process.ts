import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type MixedResult, startMixedLoad } from '../../test/support/mixed-load.ts';

/** With the time of each short request: when it began, in milliseconds since the epoch, and how long it took. */
type TimedResult = MixedResult & { readonly latencies: readonly (readonly [atMs: number, ms: number])[] };

/** The load in a process of its own, so that it does not wait for the application. */
export async function startLoadProcess(
  options: Parameters<typeof startMixedLoad>[0],
): Promise<{ stop(): Promise<TimedResult> }> {
  const child = fork(fileURLToPath(import.meta.url), ['load', JSON.stringify(options)], { serialization: 'advanced' });
  await once(child, 'message');
  return {
    async stop() {
      child.send('stop');
      const [result] = (await once(child, 'message')) as [TimedResult];
      child.disconnect();
      return result;
    },
  };
}

if (process.argv[2] === 'load') {
  const latencies: [number, number][] = [];
  const load = await startMixedLoad({
    ...(JSON.parse(process.argv[3] ?? '') as Parameters<typeof startMixedLoad>[0]),
    onReply: (ms) => void latencies.push([Date.now() - ms, ms]),
  });
  process.send?.('started');
  await once(process, 'message');
  process.send?.({ ...(await load.stop()), latencies });
}

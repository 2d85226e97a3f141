import {
  connections,
  measure,
  type ProxyCost,
  requestFor,
  requestsPerRound,
  rounds,
  summary,
  warmUpRequests,
} from './proxy.ts';
import { startBackend, startNginxProxy, startNode, type Subject } from './subjects.ts';

const firstPort = 18_830;
const rampart = './subjects/rampart.ts';
/** A path that no request had before: in the cache there is nothing for it. */
const newPath = (index: number): string => requestFor(`/bench?n=${index}-${process.hrtime.bigint()}`);

/**
 * Processor time per request as the steps of the path are switched on, beside nginx's plain proxying; the worker's
 * queue, permits, balancer and metrics are on in all of them. Taken in turns, as in benchProxies.
 */
export async function benchSteps(): Promise<ProxyCost[]> {
  const backend = await startBackend(firstPort);
  const open: Subject[] = [];
  const start = async (name: string, offset: number, ...steps: string[]): Promise<Subject> => {
    const subject = await startNode(name, rampart, firstPort + offset, firstPort, ...steps);
    open.push(subject);
    return subject;
  };
  try {
    const nginx = await startNginxProxy(firstPort + 1, firstPort);
    open.push(nginx);
    const kept = await start('', 5, 'key', 'limit', 'cache');
    const passed = await start('', 6, 'key', 'limit', 'cache', 'tiny');
    const runs = [
      { name: 'nginx', subject: nginx },
      { name: 'permits, balancer, metrics', subject: await start('', 2, 'none') },
      { name: '+ key', subject: await start('', 3, 'key') },
      { name: '+ rate limit', subject: await start('', 4, 'key', 'limit') },
      { name: '+ cache, a miss: the full path', subject: passed, request: newPath },
      { name: '+ the reply is kept', subject: kept, request: newPath },
      { name: 'a cache hit', subject: kept },
    ];
    for (const { subject, request } of runs) await measure(subject, warmUpRequests, request);
    const samples = runs.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, { subject, request }] of runs.entries()) {
        samples[index]?.push(await measure(subject, requestsPerRound, request));
      }
    }
    return runs.map(({ name }, index) => summary(name, samples[index] ?? []));
  } finally {
    for (const subject of open) subject.stop();
    backend.stop();
  }
}

export const stepsTitle = `Processor time per request as steps are switched on: 1 KiB reply, ${connections} connections`;

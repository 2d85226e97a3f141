import { startRampart } from './gateways.ts';
import { wrk } from './wrk.ts';

const CONNECTIONS = [6, 8, 12, 16, 24];
const ROUNDS = 3;
const SECONDS = 4;

/**
 * `bench:strangers permits`: real barcodes from two generators of four permits each, with a few connections more than
 * permits. Throughput must not fall because permits lie at the worker that does not need them.
 */
export async function permits(args: readonly string[]): Promise<void> {
  const rounds = Number(args.find((argument) => argument.startsWith('--rounds='))?.slice('--rounds='.length) ?? ROUNDS);
  const rampart = await startRampart(undefined, {
    GENERATOR_INSTANCES: 2,
    GENERATOR_CONCURRENCY: 4,
    CACHE_TTL_SECONDS: 0,
  });
  const url = `${rampart.origin}/v1/render/qrcode?text=bench%20of%20permits`;
  const headers = [`authorization: Bearer ${rampart.key ?? ''}`];
  try {
    await wrk(url, 8, { seconds: 3, headers });
    const runs = CONNECTIONS.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, connections] of CONNECTIONS.entries()) {
        const { goodput } = await wrk(url, connections, { seconds: SECONDS, headers });
        runs[index]?.push(goodput);
      }
    }
    console.log('| connections | barcodes/s, each round |\n|---:|---|');
    for (const [index, connections] of CONNECTIONS.entries()) {
      console.log(`| ${connections} | ${runs[index]?.map((rate) => rate.toFixed(0)).join(', ')} |`);
    }
  } finally {
    await rampart.stop();
  }
}

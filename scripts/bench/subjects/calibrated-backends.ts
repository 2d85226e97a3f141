// Backends of a known capacity, all in one process as they cost no processor. Arguments: first port, how many, slots,
// service time in ms. They queue without bound, so that a proxy without caps shows what it does to them.
import { seededRandom } from '../../../src/core/random.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { calibratedWork } from '../../../src/generator/calibrated.ts';
import { startGenerator } from '../../../src/generator/server.ts';

const [firstPort = 0, count = 1, slots = 4, serviceTimeMs = 55] = process.argv.slice(2).map(Number);
for (let index = 0; index < count; index++) {
  const work = calibratedWork({ serviceTimeMs, law: 'deterministic' }, systemClock, seededRandom(index + 1));
  const options = { host: '127.0.0.1', port: firstPort + index, slots, queueCapacity: 1e6, queueTimeoutMs: 600_000 };
  await startGenerator(options, { clock: systemClock, work });
}

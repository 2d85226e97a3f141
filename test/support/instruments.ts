import { pino } from 'pino';
import { Bugs } from '../../src/metrics/bugs.ts';
import { Registry } from '../../src/metrics/instruments.ts';

/** What a part counts and reports in a test that looks at neither. */
export function quietInstruments(): { registry: Registry; bugs: Bugs } {
  const registry = new Registry();
  return { registry, bugs: new Bugs(pino({ level: 'silent' }), registry) };
}

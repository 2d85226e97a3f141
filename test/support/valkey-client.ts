import { pino } from 'pino';
import { systemClock } from '../../src/core/clock.ts';
import { ValkeyClient, type ValkeyOptions } from '../../src/store/valkey/valkey-client.ts';
import { quietInstruments } from './instruments.ts';

/** A client of a real server, without a log. `name`: of its connections. */
export const valkeyClient = (url: string, name: string, libraries: ValkeyOptions['libraries'] = []): ValkeyClient =>
  new ValkeyClient({
    url,
    libraries,
    clock: systemClock,
    random: Math.random,
    log: pino({ level: 'silent' }),
    bugs: quietInstruments().bugs,
    connectionName: name,
  });

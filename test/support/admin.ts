import type { Server } from 'node:http';
import { type AdminOptions, startAdminServer } from '../../src/control/admin-server.ts';
import type { Control } from '../../src/control/control.ts';
import { systemClock } from '../../src/core/clock.ts';

/** The admin API of a test on a free port of loopback; without tokens, unless they are given. */
export const startOpenAdmin = (control: Control, more: Partial<AdminOptions> = {}): Promise<Server> =>
  startAdminServer(control, {
    host: '127.0.0.1',
    port: 0,
    token: undefined,
    readToken: undefined,
    clock: systemClock,
    keys: undefined,
    batches: undefined,
    ...more,
  });

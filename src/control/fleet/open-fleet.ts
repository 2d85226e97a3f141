import { join } from 'node:path';
import type { Registry } from '../../metrics/instruments.ts';
import type { Member } from '../members.ts';
import type { ControlMessage } from '../../protocol/messages.ts';
import type { ValkeyClient } from '../../store/valkey/valkey-client.ts';
import { serviceMsOf } from '../worker-status.ts';
import { FleetHolder, type FleetHolderOptions } from './fleet-holder.ts';
import { FleetMetrics } from './fleet-metrics.ts';

interface HostParts extends Pick<FleetHolderOptions, 'clock' | 'random' | 'log' | 'bugs' | 'leases' | 'upstreams'> {
  readonly valkey?: ValkeyClient | undefined;
  readonly registry: Registry;
  readonly runFolder: string;
  readonly host?: string | undefined;
  readonly gateways: () => Member[];
  readonly tell: (member: Member, message: ControlMessage) => void;
}

const FILE = 'fleet.json';

/** The lease of this host in its fleet; undefined without VALKEY_URL. */
export function openFleet(parts: HostParts): FleetHolder | undefined {
  const { valkey, registry, runFolder, host = runFolder, gateways, tell } = parts;
  if (valkey === undefined) return undefined;
  return new FleetHolder({
    ...parts,
    metrics: new FleetMetrics(registry),
    valkey,
    host,
    path: join(runFolder, FILE),
    meanMs: (upstream) => {
      const times = gateways().map(({ status }) => serviceMsOf(status, upstream));
      return times.length === 0 ? undefined : Math.max(...times);
    },
    tellEnd: (end) => gateways().forEach((worker) => tell(worker, end)),
  });
}

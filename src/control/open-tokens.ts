import { join } from 'node:path';
import type { Logger } from 'pino';
import { messageOf } from '../core/errors.ts';
import type { ControlMessage } from '../protocol/messages.ts';
import { loadJson, saveJson } from '../core/json-file.ts';
import { ValkeyTokens } from '../store/valkey/valkey-tokens.ts';
import type { ControlDependencies } from './control-dependencies.ts';
import { openFleetLimitMetrics } from './fleet-limit-metrics.ts';
import type { SavedHosts } from './fleet-presence.ts';
import { FleetTokens } from './fleet-tokens.ts';
import { type HostTokens, RateTokens, type TellGrants } from './rate-tokens.ts';

/**
 * The rate limits of this host, or those that it shares with the other hosts of its Valkey. `predecessorMs`: when the
 * previous control was last seen, in milliseconds since the epoch.
 */
export function openTokens<Member>(
  { clock, bugs, log, registry, valkey, runFolder, stateFolder = runFolder, host = runFolder }: ControlDependencies,
  predecessorMs: number | undefined,
  say: (member: Member, message: ControlMessage) => void,
): HostTokens<Member> {
  const tell: TellGrants<Member> = (member, grants, hosts) => say(member, { type: 'tokens', grants, hosts });
  if (valkey === undefined) return new RateTokens({ clock, predecessorMs, tell });
  return new FleetTokens({
    clock,
    bugs,
    store: new ValkeyTokens(valkey),
    hostId: host,
    saved: savedHosts(join(stateFolder, 'fleet-hosts.json'), log),
    metrics: openFleetLimitMetrics(registry),
    tell,
  });
}

function savedHosts(path: string, log: Logger): SavedHosts {
  return {
    load: () => {
      const hosts = loadJson(path);
      return typeof hosts === 'number' && Number.isInteger(hosts) && hosts > 0 ? hosts : undefined;
    },
    save: (hosts) => {
      try {
        saveJson(path, hosts);
      } catch (error) {
        log.warn({ path, problem: messageOf(error) }, 'the number of hosts could not be saved');
      }
    },
  };
}

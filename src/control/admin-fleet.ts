import type { ServerResponse } from 'node:http';
import type { FleetReach } from './fleet/news-desk.ts';

/** The fields of a reply about the hosts of the fleet; empty without a fleet. */
export interface FleetFields {
  readonly hosts?: number;
  readonly acknowledged?: number;
  /** Absent if all hosts have acknowledged. */
  readonly missing?: readonly string[];
  readonly detail?: string;
}

/** The fields of a reply to a change that all hosts carry out. Its status becomes 202 unless all of them have. */
export function fleetFields(reach: FleetReach | undefined, res: ServerResponse): FleetFields {
  if (reach === undefined) return {};
  const { hosts, acknowledged, missing, detail } = reach;
  if (detail === undefined) return { hosts, acknowledged };
  res.statusCode = 202;
  return { hosts, acknowledged, missing, detail };
}

import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { type ProfileName, profileMix, recordedBarcode } from './profiles.ts';
import type { LabContext } from './step.ts';

/** A load, with its name in reports. */
export interface NamedMix {
  readonly name: string;
  readonly mix: Mix;
}

/** Profiles of Rampart's own requests; a barcode to read is made where one is read. */
export async function profileLoads(
  profiles: readonly ProfileName[],
  system: System,
  context: LabContext,
): Promise<NamedMix[]> {
  const reads = profiles.some((name) => name !== 'command');
  const id = reads ? await recordedBarcode(system, context) : '';
  return profiles.map((name) => ({ name, mix: profileMix(name, system.key, id) }));
}

/** Each endpoint of a mix by itself, and then all of them by their weights. */
export function endpointLoads(mix: Mix): NamedMix[] {
  const alone = mix.endpoints.map((endpoint) => ({ name: endpoint.endpoint, mix: { ...mix, endpoints: [endpoint] } }));
  return alone.length === 1 ? alone : [...alone, { name: 'mixed', mix }];
}

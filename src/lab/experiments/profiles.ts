import type { Mix } from '../load/mix.ts';
import type { System } from '../system/system.ts';
import { ask } from '../system/ask.ts';
import { authorizationOf, createBarcodeMix } from './barcode-mix.ts';
import type { LabContext } from './step.ts';

export const profileNames = ['command', 'get', 'list', 'mixed'] as const;
export type ProfileName = (typeof profileNames)[number];

export const describeProfiles =
  'command: createBarcode; get: getBarcode; list: listBarcodes, five a page; mixed: 30, 50 and 20 % of them';

const RECORD_LIMIT_MS = 10_000;
const POLL_MS = 100;

/** The id of a barcode that can be read: one is made, and waited for, as records are written a little later. */
export async function recordedBarcode(system: System, { clock }: LabContext): Promise<string> {
  const headers = { ...authorizationOf(system.key), 'content-type': 'application/json' };
  const body = JSON.stringify({ symbology: 'qrcode', text: 'the lab reads this one' });
  const made = await ask(system, { method: 'POST', path: '/v1/barcodes', headers, body });
  const { location } = made.headers;
  if (typeof location !== 'string') {
    throw new Error(
      `Cannot make a barcode to read: ${system.url} answered POST /v1/barcodes with ${made.status}. For a service that is not Rampart give its endpoints with --slo FILE --mix slo`,
    );
  }
  const giveUpAt = clock.now() + RECORD_LIMIT_MS;
  while (clock.now() < giveUpAt) {
    const { status } = await ask(system, { path: location, headers });
    if (status === 200) return location.slice(location.lastIndexOf('/') + 1);
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, POLL_MS));
  }
  throw new Error(`Cannot read the barcode ${location} that was made ${RECORD_LIMIT_MS / 1000} s ago`);
}

export function profileMix(profile: ProfileName, key: string, id: string): Mix {
  const create = createBarcodeMix(key);
  const get = { endpoint: 'getBarcode', method: 'GET', path: `/v1/barcodes/${id}` } as const;
  const list = { endpoint: 'listBarcodes', method: 'GET', path: '/v1/barcodes?page_size=5' } as const;
  const weighted = {
    command: create.endpoints,
    get: [{ ...get, weight: 1 }],
    list: [{ ...list, weight: 1 }],
    mixed: [
      ...create.endpoints.map((endpoint) => ({ ...endpoint, weight: 30 })),
      { ...get, weight: 50 },
      { ...list, weight: 20 },
    ],
  };
  return { ...create, endpoints: weighted[profile] };
}

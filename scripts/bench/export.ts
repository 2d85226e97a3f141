import { connect } from 'node:net';
import { findEmbeddedPostgres } from '../../src/store/embedded/embedded-postgres.ts';
import { queryOnce } from '../../src/store/embedded/postmaster.ts';
import { startStack, stackSettings } from '../../test/support/stack.ts';

const ROWS = 1_000_000;

/** A million records of one key, as createBarcode writes them, a millisecond apart. */
const fillOf = (keyId: string): string => `INSERT INTO barcodes
  (id, key_id, symbology, format, text, bytes, status, request_id, created_at)
SELECT (lpad(to_hex(ms), 12, '0') || '7000' || '8000' || lpad(to_hex(ms - first), 12, '0'))::uuid, '${keyId}',
  CASE WHEN ms % 1000 = 0 THEN 'ean13' ELSE 'qrcode' END, 'svg', 'https://shop.example/products/' || ms,
  repeat('x', 700)::bytea, 'delivered', md5(ms::text), to_timestamp(ms / 1000.0)
FROM (SELECT (extract(epoch FROM now()) * 1000)::bigint - ${ROWS} AS first) start,
  generate_series(first, first + ${ROWS - 1}) ms`;

interface ExportTime {
  readonly name: string;
  readonly rows: number;
  readonly seconds: number;
  readonly megabytes: number;
}

/** Exports through a running Rampart: 1,000 of a million records, and all of them. */
export async function benchExport(): Promise<ExportTime[]> {
  const stack = await startStack(await stackSettings({ GATEWAY_WORKERS: '1', GENERATOR_INSTANCES: '1' }));
  try {
    const url = (await findEmbeddedPostgres(stack.dataDir))?.url ?? '';
    const [key] = await queryOnce(url, 'SELECT id::text AS id FROM api_keys LIMIT 1');
    await queryOnce(url, fillOf(String(key?.['id'])));
    await queryOnce(url, 'VACUUM ANALYZE barcodes');
    const read = (name: string, query: string) => exported(name, stack.url, stack.key, query);
    const few = await read('one symbology', '?symbology=ean13');
    return [few, await read('everything', ''), await read('everything, with images', '?images=true')];
  } finally {
    await stack.stop();
  }
}

/** Counts the lines as they arrive, by a socket: fetch would take longer than the gateway. */
function exported(name: string, url: string, key: string, query: string): Promise<ExportTime> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const socket = connect(Number(port), hostname);
    let rows = 0;
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // Each line ends in `}` and a line end, which the framing of the chunks does not.
      for (let at = chunk.indexOf('}\n'); at !== -1; at = chunk.indexOf('}\n', at + 1)) rows++;
    });
    socket.on('error', reject);
    socket.on('end', () =>
      resolve({ name, rows, seconds: (performance.now() - startedAt) / 1000, megabytes: bytes / 1e6 }),
    );
    socket.write(
      `GET /v1/barcodes/export${query} HTTP/1.1\r\nHost: a\r\nx-api-key: ${key}\r\nConnection: close\r\n\r\n`,
    );
  });
}

export function exportTable(times: readonly ExportTime[]): string {
  const lines = times.map(({ name, rows, seconds, megabytes }) => {
    const rate = Math.round(rows / seconds).toLocaleString('en');
    return `| ${name} | ${rows.toLocaleString('en')} | ${seconds.toFixed(2)} | ${rate} | ${(megabytes / seconds).toFixed(0)} |`;
  });
  return ['| export | records | s | records/s | MB/s |', '|---|---|---|---|---|', ...lines].join('\n');
}

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Records of one name and type. */
export type DnsRecords =
  | { readonly type: 'A' | 'AAAA'; readonly addresses: readonly string[]; readonly ttl?: number }
  | {
      readonly type: 'SRV';
      readonly targets: readonly { name: string; port: number; priority?: number; weight?: number }[];
      readonly ttl?: number;
    };

/** What the server does with a question: answers with records, or behaves badly. */
export type DnsAnswer =
  | DnsRecords
  /** The name does not exist; it exists and has no such records; the server fails; says nothing. */
  | 'nxdomain'
  | 'empty'
  | 'servfail'
  | 'silence'
  /** Bytes that are no answer; the answer to another question; cut off, over TCP as well. */
  | 'garbage'
  | 'wrong-id'
  | 'cut'
  /** Truncated over UDP, and complete over TCP. */
  | { readonly truncated: DnsRecords };

export interface DnsServer {
  /** As the configuration takes it. */
  readonly address: string;
  /** By `name type`, such as `app.internal A`; everything else does not exist. */
  readonly zone: Map<string, DnsAnswer>;
  readonly questions: () => number;
  close(): Promise<void>;
}

const types: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };

/** A small DNS server on 127.0.0.1, over UDP and TCP. */
export async function startDnsServer(): Promise<DnsServer> {
  const zone = new Map<string, DnsAnswer>();
  let questions = 0;
  const answer = (query: Buffer, isTcp: boolean): Buffer | undefined => {
    questions++;
    const { name, type, end } = question(query);
    return reply(query.subarray(0, end), zone.get(`${name} ${types[type]}`) ?? 'nxdomain', isTcp);
  };
  const udp = createSocket('udp4');
  udp.on('message', (query, from) => {
    const bytes = answer(query, false);
    if (bytes !== undefined) udp.send(bytes, from.port, from.address);
  });
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const { port } = udp.address();
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      const bytes = answer(data.subarray(2), true);
      if (bytes === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      socket.write(Buffer.concat([length, bytes]));
    });
  });
  tcp.listen(port, '127.0.0.1');
  await once(tcp, 'listening');
  return {
    address: `127.0.0.1:${(tcp.address() as AddressInfo).port}`,
    zone,
    questions: () => questions,
    close: async () => {
      udp.close();
      tcp.close();
    },
  };
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

const RESPONSE = 0x8180;
const TRUNCATED = 0x0200;

function reply(query: Buffer, wanted: DnsAnswer, isTcp: boolean): Buffer | undefined {
  if (wanted === 'silence') return undefined;
  if (wanted === 'garbage') return Buffer.from(query.toReversed());
  const head = Buffer.from(query);
  const finish = (flags: number, records: readonly Buffer[] = []): Buffer => {
    head.writeUInt16BE(RESPONSE | flags, 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt32BE(0, 8);
    return Buffer.concat([head, ...records]);
  };
  if (wanted === 'wrong-id') head.writeUInt16BE((head.readUInt16BE(0) + 1) & 0xffff, 0);
  if (wanted === 'nxdomain') return finish(3);
  if (wanted === 'empty') return finish(0);
  if (wanted === 'servfail') return finish(2);
  if (wanted === 'wrong-id') return finish(0, recordsOf({ type: 'A', addresses: ['127.0.0.66'] }));
  if (wanted === 'cut') {
    const whole = finish(0, recordsOf({ type: 'A', addresses: ['127.0.0.66', '127.0.0.67'] }));
    return whole.subarray(0, whole.length - 9);
  }
  if ('truncated' in wanted) return isTcp ? finish(0, recordsOf(wanted.truncated)) : finish(TRUNCATED);
  return finish(0, recordsOf(wanted));
}

function recordsOf(records: DnsRecords): Buffer[] {
  const { ttl = 1 } = records;
  if (records.type === 'SRV')
    return records.targets.map(({ name, port, priority = 0, weight = 0 }) => {
      const fixed = Buffer.alloc(6);
      fixed.writeUInt16BE(priority, 0);
      fixed.writeUInt16BE(weight, 2);
      fixed.writeUInt16BE(port, 4);
      return record(33, ttl, Buffer.concat([fixed, encoded(name)]));
    });
  return records.type === 'A'
    ? records.addresses.map((address) => record(1, ttl, Buffer.from(address.split('.').map(Number))))
    : records.addresses.map((address) => record(28, ttl, Buffer.from(address.replaceAll(':', ''), 'hex')));
}

/** For the name of the question, to which it points. */
function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

const encoded = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);

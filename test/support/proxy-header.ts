import { isIPv6, SocketAddress } from 'node:net';

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

export interface ProxyHeaderOptions {
  readonly command?: number;
  readonly family?: number;
  /** In place of the real one. */
  readonly length?: number;
  /** Values behind the addresses. */
  readonly more?: Buffer;
}

/** The head of a connection in the PROXY protocol, version 2, as a load balancer sends it. */
export function proxyHeader(client: string, { command = 0x21, family, length, more }: ProxyHeaderOptions = {}): Buffer {
  const isSix = isIPv6(client);
  const own = isSix ? '2001:db8::1' : '192.0.2.1';
  const ports = Buffer.from([0x30, 0x39, 0x01, 0xbb]);
  const rest = Buffer.concat([addressBytes(client), addressBytes(own), ports, more ?? Buffer.alloc(0)]);
  const fixed = Buffer.alloc(4);
  fixed.writeUInt8(command, 0);
  fixed.writeUInt8(family ?? (isSix ? 0x21 : 0x11), 1);
  fixed.writeUInt16BE(length ?? rest.length, 2);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [before = '', after = ''] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const [left, right] = [before, after].map((part) => part.split(':').filter((group) => group !== ''));
  const missing = 8 - (left?.length ?? 0) - (right?.length ?? 0);
  const groups = [...(left ?? []), ...Array.from({ length: missing }, () => '0'), ...(right ?? [])];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}

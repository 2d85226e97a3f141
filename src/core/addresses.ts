import { BlockList, isIP, SocketAddress } from 'node:net';

/** Addresses whose result a set remembers: its peers, which are few. */
const MAX_REMEMBERED = 1000;

/** An address in one form: without a zone, and as IPv4 where it is an IPv4 address that came over IPv6. */
export function canonicalAddress(text: string): string {
  const bare = text.split('%', 1)[0] as string;
  const family = isIP(bare);
  if (family !== 6) return bare;
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  if (!address.startsWith('::ffff:')) return address;
  const rest = address.slice(7);
  if (rest.includes('.')) return rest;
  const [high = 0, low = 0] = rest.split(':').map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The problem of a text that should be an address or a range such as 10.0.0.0/8; undefined if it is one. */
export function addressProblem(text: string): string | undefined {
  const [address = '', bits, more] = text.split('/');
  const family = isIP(address.split('%', 1)[0] as string);
  const most = family === 4 ? 32 : 128;
  const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
  if (family !== 0 && isRange && more === undefined) return undefined;
  return `must be an address such as 10.0.0.1 or ::1, or a range such as 10.0.0.0/8: got '${text.slice(0, 80)}'`;
}

/** A set of addresses and ranges, which compares by value. */
export class AddressSet {
  #size = 0;
  #list = new BlockList();
  readonly #known = new Map<string, boolean>();

  /** Each as `addressProblem` takes it. */
  constructor(texts: readonly string[]) {
    this.replace(texts);
  }

  get size(): number {
    return this.#size;
  }

  /** The set has these and no others from now on. */
  replace(texts: readonly string[]): void {
    this.#size = texts.length;
    this.#list = new BlockList();
    this.#known.clear();
    for (const text of texts) {
      const [address = '', bits] = text.split('/');
      const canonical = canonicalAddress(address);
      const family = isIP(canonical) === 4 ? 'ipv4' : 'ipv6';
      // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
      const mapped = family === 'ipv4' && address.includes(':') ? 96 : 0;
      if (bits === undefined) this.#list.addAddress(canonical, family);
      else this.#list.addSubnet(canonical, Math.max(0, Number(bits) - mapped), family);
    }
  }

  has(address: string): boolean {
    if (this.#size === 0) return false;
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const canonical = canonicalAddress(address);
    const family = isIP(canonical);
    const found = family !== 0 && this.#list.check(canonical, family === 4 ? 'ipv4' : 'ipv6');
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    this.#known.set(address, found);
    return found;
  }
}

/** The first four groups of an IPv6 address; any other text as it is. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const text = address.split('%', 1)[0] as string;
  const [before = '', after] = text.split('::', 2);
  const left = before === '' ? [] : before.split(':');
  const right = after === undefined || after === '' ? [] : after.split(':');
  // An IPv4 address at the end stands for two groups.
  const length = left.length + right.length + (text.includes('.') ? 1 : 0);
  const groups = [...left, ...Array.from({ length: Math.max(0, 8 - length) }, () => '0'), ...right];
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

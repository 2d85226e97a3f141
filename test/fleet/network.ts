import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The clients' address, on the bridge itself. */
const CLIENT_ADDRESS = '10.77.0.1';
/** The relays' address, on the bridge, too: a cut between a host and the relays leaves its clients alone. */
export const RELAY_ADDRESS = '10.77.0.2';

/** One machine of the run: a network namespace with one interface on the bridge. */
export interface Place {
  readonly name: string;
  readonly address: string;
}

/** Which packets a host loses. */
export type Direction = 'both' | 'to' | 'from';

const execute = promisify(execFile);

/** A bridge, and network namespaces on it. */
export class FleetNetwork {
  #places = 0;

  async open(): Promise<void> {
    await ip(
      'link set lo up',
      'link add br0 type bridge',
      `addr add ${CLIENT_ADDRESS}/24 dev br0`,
      `addr add ${RELAY_ADDRESS}/24 dev br0`,
      'link set br0 up',
    );
  }

  async add(name: string): Promise<Place> {
    const address = `10.77.0.${10 + ++this.#places}`;
    await ip(
      `netns add ${name}`,
      `link add ${name} type veth peer name eth0 netns ${name}`,
      `link set ${name} master br0`,
      `link set ${name} up`,
    );
    await ip(`-n ${name} link set lo up`, `-n ${name} addr add ${address}/24 dev eth0`, `-n ${name} link set eth0 up`);
    const chain = (hook: string): string => `add chain inet cuts ${hook} { type filter hook ${hook} priority 0; }`;
    await nft(name, 'add table inet cuts', chain('input'), chain('output'));
    return { name, address };
  }

  /** The cable: while it is out, packets are lost in silence, both ways and to everybody. */
  setLink({ name }: Place, state: 'up' | 'down'): Promise<void> {
    return ip(`link set ${name} ${state}`);
  }

  /** Packets between the place and the others are lost in silence; it goes on reaching everybody else. */
  cut({ name }: Place, others: readonly string[], direction: Direction): Promise<void> {
    const list = `{ ${others.join(', ')} }`;
    const rules: string[] = [];
    if (direction !== 'from') rules.push(`add rule inet cuts output ip daddr ${list} drop`);
    if (direction !== 'to') rules.push(`add rule inet cuts input ip saddr ${list} drop`);
    return nft(name, ...rules);
  }

  /** So many of a hundred packets that come to the place are lost. */
  lose({ name }: Place, percent: number): Promise<void> {
    return nft(name, `add rule inet cuts input numgen random mod 100 < ${percent} drop`);
  }

  mend({ name }: Place): Promise<void> {
    return nft(name, 'flush chain inet cuts input', 'flush chain inet cuts output');
  }

  /** Another fault than a cut: the sender is told at once that there is no way. */
  setBlackhole({ name }: Place, others: readonly string[], isThere: boolean): Promise<void> {
    return ip(...others.map((other) => `-n ${name} route ${isThere ? 'add' : 'del'} blackhole ${other}/32`));
  }
}

async function ip(...commands: readonly string[]): Promise<void> {
  for (const command of commands) await execute('ip', command.split(' '));
}

/** All rules or none, by one transaction. */
async function nft(place: string, ...rules: readonly string[]): Promise<void> {
  await execute('nsenter', [`--net=/run/netns/${place}`, 'nft', rules.join('\n')]);
}

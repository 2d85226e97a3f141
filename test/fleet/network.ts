import { spawnSync } from 'node:child_process';

/** The clients' address, on the bridge itself. */
export const CLIENT_ADDRESS = '10.77.0.1';
/** The relays' address, on the bridge, too: a cut between a host and the relays leaves its clients alone. */
export const RELAY_ADDRESS = '10.77.0.2';

/** One machine of the run: a network namespace with one interface on the bridge. */
export interface Place {
  readonly name: string;
  readonly address: string;
}

/** Which packets a host loses. */
export type Direction = 'both' | 'to' | 'from';

/** A bridge, and network namespaces on it. */
export class FleetNetwork {
  #places = 0;

  constructor() {
    ip('link set lo up');
    ip('link add br0 type bridge');
    for (const address of [CLIENT_ADDRESS, RELAY_ADDRESS]) ip(`addr add ${address}/24 dev br0`);
    ip('link set br0 up');
  }

  add(name: string): Place {
    const number = ++this.#places;
    const address = `10.77.0.${10 + number}`;
    ip(`netns add ${name}`);
    ip(`link add ${name} type veth peer name eth0 netns ${name}`);
    ip(`link set ${name} master br0`);
    ip(`link set ${name} up`);
    ip(`-n ${name} link set lo up`);
    ip(`-n ${name} addr add ${address}/24 dev eth0`);
    ip(`-n ${name} link set eth0 up`);
    nft(name, 'add table inet cuts');
    for (const hook of ['input', 'output'])
      nft(name, `add chain inet cuts ${hook} { type filter hook ${hook} priority 0; }`);
    return { name, address };
  }

  /** The cable: while it is out, packets are lost in silence, both ways and to everybody. */
  setLink({ name }: Place, state: 'up' | 'down'): void {
    ip(`link set ${name} ${state}`);
  }

  /** Packets between the two are lost in silence; either of them goes on reaching everybody else. */
  cut({ name }: Place, other: string, direction: Direction): void {
    if (direction !== 'from') nft(name, `add rule inet cuts output ip daddr ${other} drop`);
    if (direction !== 'to') nft(name, `add rule inet cuts input ip saddr ${other} drop`);
  }

  /** Every `percent`th packet that comes to the place is lost. */
  lose({ name }: Place, percent: number): void {
    nft(name, `add rule inet cuts input numgen random mod 100 < ${percent} drop`);
  }

  mend({ name }: Place): void {
    nft(name, 'flush chain inet cuts input');
    nft(name, 'flush chain inet cuts output');
  }

  /** Another fault than a cut: the sender is told at once that there is no way. */
  setBlackhole({ name }: Place, other: string, isThere: boolean): void {
    ip(`-n ${name} route ${isThere ? 'add' : 'del'} blackhole ${other}/32`);
  }
}

const ip = (args: string): void => run('ip', args.split(' '));
const nft = (place: string, rule: string): void => run('nsenter', [`--net=/run/netns/${place}`, 'nft', rule]);

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

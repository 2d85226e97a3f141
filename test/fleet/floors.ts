/** The default floor: the part of the cap that the hosts keep together while they have no ledger. */
const FLOOR_SHARE = 0.5;

/** The permits that each host of a fleet keeps without a ledger. */
export const floorOf = (cap: number, hosts: number): number => Math.floor((FLOOR_SHARE * cap) / hosts);

/** The permits that one host can have when all demand is there: the others keep their floors. */
export const reachableOf = (cap: number, hosts: number, floor: number): number => cap - (hosts - 1) * floor;

/** How the permits of an upstream are shared by the hosts of a fleet. */
export interface FleetConfig {
  /**
   * `strict`: a request that lasts longer than `maxDurationMs` is ended, so that the cap holds whatever fails. `prompt`: permits of
   * a host that died are lent again when most of its requests must have ended.
   */
  readonly mode: 'strict' | 'prompt';
  /** The part of the cap that hosts keep while they are cut off, in thousandths. */
  readonly floorShare: number;
  /** Lets a host that has not reached Valkey yet use its part of the floor. */
  readonly expectedHosts: number | undefined;
  /** Of requests of a strict upstream, bodies included; undefined: the mode is `prompt`. */
  readonly maxDurationMs: number | undefined;
}

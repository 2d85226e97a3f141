import { hash, randomBytes, randomFillSync } from 'node:crypto';

const pool = Buffer.allocUnsafe(4096);
let used = pool.length;

/** Fresh random bytes out of a pool that is filled 4 KiB at a time: a system call for each id would cost more than the id. */
function takeRandom(count: number): number {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += count;
  return at;
}

/** Makers of ids are told apart by so many bits: few enough to leave 50 random ones, enough for two to be hardly ever the same. */
const MAKER_DIGITS = 6;
export const MAKERS = 16 ** MAKER_DIGITS;

/**
 * A UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds since the epoch, then 74 random bits; sorts by time. With a `maker`,
 * a number below MAKERS, its last 24 bits are that number instead.
 */
export function uuidv7(wallMs: number, maker?: number): string {
  const at = takeRandom(10);
  const time = Math.floor(wallMs).toString(16).padStart(12, '0');
  const random = pool.toString('hex', at, at + 10);
  const end = maker === undefined ? random.slice(-MAKER_DIGITS) : maker.toString(16).padStart(MAKER_DIGITS, '0');
  const variant = (0x8 | (Number.parseInt(random[3] as string, 16) & 0x3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 13)}${end}`;
}

/** The maker that the last bits of an id name; meaningless if the id was made without one. */
export function makerOf(id: string): number {
  return Number.parseInt(id.slice(-MAKER_DIGITS), 16);
}

/** The milliseconds since the epoch that a UUIDv7 carries, or undefined where the text is no UUIDv7. */
export function uuidv7Time(id: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) return undefined;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The last millisecond that a UUIDv7 can name. */
export const LAST_MS = 2 ** 48 - 1;

/** The least UUID of a millisecond: each UUIDv7 of that time or a later one sorts behind it. */
export function uuidFloor(wallMs: number): string {
  const time = Math.min(Math.max(0, Math.floor(wallMs)), LAST_MS)
    .toString(16)
    .padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/** Items of a batch that have ids of their own: 17 bits. */
const MOST_ITEMS = 2 ** 17;

/**
 * The id of the record of an item: a UUIDv7 with the time of its batch, then the number of the item (17 bits, so that ids sort
 * as the items do), then 57 bits of a hash of the batch. The same item has the same id, whoever works on it and however often.
 */
export function batchItemId(batchId: string, item: number): string {
  if (item < 0 || item >= MOST_ITEMS) throw new RangeError(`An item has a number below ${MOST_ITEMS}: got ${item}`);
  const digest = BigInt(`0x${hash('sha256', batchId).slice(0, 15)}`) & ((1n << 57n) - 1n);
  const high = (item >> 5).toString(16).padStart(3, '0');
  const low = ((0b10n << 62n) | (BigInt(item & 31) << 57n) | digest).toString(16);
  return `${batchId.slice(0, 13)}-7${high}-${low.slice(0, 4)}-${low.slice(4)}`;
}

/** This many random bytes in hex. */
export function randomHex(bytes: number): string {
  const at = takeRandom(bytes);
  return pool.toString('hex', at, at + bytes);
}

/** A request id: 16 random bytes in hex, as W3C trace context writes a trace id. */
export function requestId(): string {
  return randomHex(16);
}

/** A new API key: `rk_` and 192 random bits in base64url. */
export function newApiKey(): string {
  return `rk_${randomBytes(24).toString('base64url')}`;
}

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** Cost, block size and parallelisation of scrypt (RFC 7914), as OWASP recommends for logins: 16 MiB, about 50 ms. */
const COST = 16_384;
const BLOCK_SIZE = 8;
const PARALLEL = 1;
const KEY_BYTES = 32;
/** Bound what a hash in a configuration file can cost. */
const MOST_COST = 2 ** 17;
const MOST_BLOCK_SIZE = 16;
const MOST_PARALLEL = 16;

interface Parsed {
  readonly cost: number;
  readonly blockSize: number;
  readonly parallel: number;
  readonly salt: Buffer;
  readonly key: Buffer;
}

const pattern = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]{16,100})\$([A-Za-z0-9_-]{43})$/;

function parse(hash: string): Parsed | undefined {
  const [, cost, blockSize, parallel, salt = '', key = ''] = pattern.exec(hash) ?? [];
  if (cost === undefined) return undefined;
  const parsed = {
    cost: Number(cost),
    blockSize: Number(blockSize),
    parallel: Number(parallel),
    salt: Buffer.from(salt, 'base64url'),
    key: Buffer.from(key, 'base64url'),
  };
  return canDerive(parsed) ? parsed : undefined;
}

/** Whether scrypt takes the parameters (RFC 7914 §6), within the bounds. */
function canDerive({ cost, blockSize, parallel }: Parsed): boolean {
  const isPower = cost >= 2 && Number.isInteger(Math.log2(cost)) && cost <= MOST_COST && cost < 2 ** (16 * blockSize);
  return isPower && isWithin(blockSize, MOST_BLOCK_SIZE) && isWithin(parallel, MOST_PARALLEL);
}

const isWithin = (value: number, most: number): boolean => value >= 1 && value <= most;

export const isPasswordHash = (text: string): boolean => parse(text) !== undefined;

/** `scrypt$cost$blockSize$parallelisation$salt$key`, in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await derive(password, { cost: COST, blockSize: BLOCK_SIZE, parallel: PARALLEL, salt });
  return ['scrypt', COST, BLOCK_SIZE, PARALLEL, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** Whether a password has this hash; false for a text that is no hash. Takes about 50 ms of a thread of the pool. */
export async function hasPassword(hash: string, password: string): Promise<boolean> {
  const parsed = parse(hash);
  return parsed !== undefined && timingSafeEqual(await derive(password, parsed), parsed.key);
}

function derive(password: string, { cost, blockSize, parallel, salt }: Omit<Parsed, 'key'>): Promise<Buffer> {
  // What OpenSSL counts, and as much again for small parameters.
  const maxmem = 256 * blockSize * (cost + parallel + 2);
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, { N: cost, r: blockSize, p: parallel, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

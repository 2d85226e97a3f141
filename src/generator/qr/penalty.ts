const runPenalty = 3;
const boxPenalty = 3;
const finderPenalty = 40;
const balancePenalty = 10;
// 1:1:3:1:1 with four light modules before or after it, as eleven bits.
const finderBefore = 0b00001011101;
const finderAfter = 0b10111010000;

/**
 * How badly a masked symbol reads (ISO/IEC 18004 §7.8.3.1): long runs, boxes of one colour, shapes like a
 * finder, and an uneven share of dark modules. One byte a module, 1 where it is dark.
 *
 * @param limit stop when the sum has reached it, as another mask is already better
 */
export function penaltyOf(modules: Uint8Array, size: number, limit: number): number {
  let sum = 0;
  for (let line = 0; line < size && sum < limit; line++) {
    sum += linePenalty(modules, line * size, 1, size) + linePenalty(modules, line, size, size);
  }
  if (sum >= limit) return sum;
  sum += boxes(modules, size);
  let dark = 0;
  for (const module of modules) dark += module;
  return sum + Math.floor(Math.abs((dark * 20) / modules.length - 10)) * balancePenalty;
}

function linePenalty(modules: Uint8Array, from: number, step: number, size: number): number {
  let sum = 0;
  let run = 0;
  let colour = 2;
  // The margin around the symbol counts as light.
  let window = 0;
  for (let count = 0, at = from; count < size; count++, at += step) {
    const module = modules[at] ?? 0;
    if (module === colour) {
      run++;
      if (run === 5) sum += runPenalty;
      else if (run > 5) sum++;
    } else {
      colour = module;
      run = 1;
    }
    window = ((window << 1) | module) & 0x7ff;
    if (window === finderBefore || window === finderAfter) sum += finderPenalty;
  }
  for (let beyond = 0; beyond < 4; beyond++) {
    window = (window << 1) & 0x7ff;
    if (window === finderAfter) sum += finderPenalty;
  }
  return sum;
}

function boxes(modules: Uint8Array, size: number): number {
  let count = 0;
  for (let y = 1; y < size; y++) {
    let at = y * size;
    let left = (modules[at] ?? 0) + (modules[at - size] ?? 0);
    for (let x = 1; x < size; x++) {
      at++;
      const column = (modules[at] ?? 0) + (modules[at - size] ?? 0);
      const dark = left + column;
      if (dark === 0 || dark === 4) count++;
      left = column;
    }
  }
  return count * boxPenalty;
}

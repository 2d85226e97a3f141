/** Check codewords over GF(256) with the polynomial 0x11d that QR Code uses (ISO/IEC 18004 §7.5.2). */
export class ReedSolomon {
  readonly #exp = new Uint8Array(512);
  readonly #log = new Uint8Array(256);
  /** By number of checks: the logarithms of the generator polynomial's coefficients below the leading one. */
  readonly #generators = new Map<number, Uint8Array>();

  constructor() {
    let value = 1;
    for (let power = 0; power < 255; power++) {
      this.#exp[power] = value;
      this.#exp[power + 255] = value;
      this.#log[value] = power;
      value = (value << 1) ^ (value >= 0x80 ? 0x11d : 0);
    }
  }

  /** The remainder of the data, shifted by `length`, divided by the generator polynomial. */
  checksOf(data: Uint8Array, length: number): Uint8Array {
    const generator = this.#generator(length);
    const exp = this.#exp;
    const checks = new Uint8Array(length);
    for (const byte of data) {
      const factor = byte ^ (checks[0] ?? 0);
      checks.copyWithin(0, 1);
      checks[length - 1] = 0;
      if (factor === 0) continue;
      const log = this.#log[factor] ?? 0;
      for (let at = 0; at < length; at++) checks[at] = (checks[at] ?? 0) ^ (exp[log + (generator[at] ?? 0)] ?? 0);
    }
    return checks;
  }

  #generator(length: number): Uint8Array {
    const known = this.#generators.get(length);
    if (known !== undefined) return known;
    // (x − 1)(x − α)(x − α²)…, the leading coefficient left out.
    const coefficients = new Uint8Array(length);
    coefficients[length - 1] = 1;
    for (let root = 0; root < length; root++) {
      for (let at = 0; at < length; at++) {
        const value = coefficients[at] ?? 0;
        const times = value === 0 ? 0 : (this.#exp[(this.#log[value] ?? 0) + root] ?? 0);
        coefficients[at] = times ^ (coefficients[at + 1] ?? 0);
      }
    }
    const logarithms = coefficients.map((value) => this.#log[value] ?? 0);
    this.#generators.set(length, logarithms);
    return logarithms;
  }
}

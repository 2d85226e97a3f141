/**
 * The GS1 check digit (General Specifications §7.9): weights 3, 1, 3, … from the right, then what is
 * missing to the next ten.
 *
 * @param body the digits without the check digit
 */
export function gs1CheckDigit(body: string): string {
  let sum = 0;
  for (let at = 0; at < body.length; at++) {
    const weight = (body.length - at) % 2 === 1 ? 3 : 1;
    sum += weight * (body.charCodeAt(at) - 48);
  }
  return String((10 - (sum % 10)) % 10);
}

/**
 * The check digit of an ISBN-10 (ISBN Users' Manual, fifth edition): weights 10 to 2, modulo 11, and X for ten.
 *
 * @param body the nine digits without the check digit
 */
export function isbn10CheckDigit(body: string): string {
  let sum = 0;
  for (let at = 0; at < body.length; at++) sum += (10 - at) * (body.charCodeAt(at) - 48);
  const rest = (11 - (sum % 11)) % 11;
  return rest === 10 ? 'X' : String(rest);
}

/**
 * The UPC-E body of a UPC-A one, if it has one: the inverse of `expandUpce`.
 *
 * @param body eleven digits without the check digit
 */
export function shortenUpca(body: string): string | undefined {
  const [system = '', maker, item] = [body[0], body.slice(1, 6), body.slice(6)];
  const candidates = [
    `${system}${maker.slice(0, 2)}${item.slice(2)}${maker[2]}`,
    `${system}${maker.slice(0, 3)}${item.slice(3)}3`,
    `${system}${maker.slice(0, 4)}${item.slice(4)}4`,
    `${system}${maker}${item.slice(4)}`,
  ];
  return /^[01]/.test(system) ? candidates.find((short) => expandUpce(short) === body) : undefined;
}

/**
 * The UPC-A body of a UPC-E one (General Specifications §5.2.2.4): the sixth digit says where the zeros went.
 *
 * @param body number system 0 or 1 and six digits
 */
export function expandUpce(body: string): string {
  const system = body[0] ?? '';
  const last = body[6] ?? '';
  const front = body.slice(1, 6);
  switch (last) {
    case '0':
    case '1':
    case '2':
      return `${system}${front.slice(0, 2)}${last}0000${front.slice(2)}`;
    case '3':
      return `${system}${front.slice(0, 3)}00000${front.slice(3)}`;
    case '4':
      return `${system}${front.slice(0, 4)}00000${front.slice(4)}`;
    default:
      return `${system}${front}0000${last}`;
  }
}

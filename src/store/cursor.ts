const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is a UUID in the canonical form; anything else would make PostgreSQL refuse the query. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** The cursor after a record: its id in base64url, which clients have no reason to take apart. */
export function cursorAfter(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

/** The id that a cursor stands for, or undefined where the text was not made by `cursorAfter`. */
export function idOfCursor(cursor: string): string | undefined {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  // Buffer.from skips what is not base64url, so only the way back tells.
  return isUuid(id) && cursorAfter(id) === cursor ? id : undefined;
}

/** `delivered`: the client has got all of it; `aborted`: it left, or was cut off, before the end. */
export type BarcodeStatus = 'delivered' | 'aborted';

/** One barcode that was generated, as it goes into the ledger. */
export interface BarcodeRecord {
  /** UUIDv7. */
  readonly id: string;
  readonly keyId: string;
  readonly symbology: string;
  readonly format: string;
  /** Any text: what PostgreSQL cannot hold as it is is escaped on the way in and out. */
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly status: BarcodeStatus;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/**
 * The value of each field that a record of an earlier version, left on the disk, may lack. An insert names every column,
 * so a missing field would arrive as NULL, and the default of the column would not apply.
 */
export const recordDefaults: Partial<BarcodeRecord> = {};

/** A record without its image, as lists and lookups show it. */
export type BarcodeSummary = Omit<BarcodeRecord, 'bytes'>;

export interface StoredText {
  readonly text: string;
  readonly textEscaped: boolean;
}

/**
 * PostgreSQL's text holds neither U+0000 (which Code 128 and QR can carry) nor lone surrogates (which UTF-8 lacks).
 * Such a text is stored in its JSON form, which has an ASCII escape for both; all others stay readable as they are.
 */
export function toStoredText(text: string): StoredText {
  return text.includes('\0') || !text.isWellFormed()
    ? { text: JSON.stringify(text), textEscaped: true }
    : { text, textEscaped: false };
}

export function fromStoredText(stored: StoredText): string {
  return stored.textEscaped ? (JSON.parse(stored.text) as string) : stored.text;
}

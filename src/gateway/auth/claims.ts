import type { JWTPayload } from 'jose';

/** Whether a claim has a value: it is the value, a list with it, or a text of words with it. */
export function hasValue(payload: JWTPayload, claim: string, value: string): boolean {
  const found = payload[claim];
  if (Array.isArray(found)) return found.some((one) => claimText(one) === value);
  const text = claimText(found);
  return text !== undefined && (text === value || text.split(' ').includes(value));
}

/** A claim as text; undefined for one that is missing or an object. */
export function claimText(claim: unknown): string | undefined {
  if (typeof claim === 'string') return claim;
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : undefined;
}

/** Header lines out of claims: name, value, name, value. Lists are joined by commas. */
export function claimLines(payload: JWTPayload, names: Readonly<Record<string, string>>): string[] {
  const lines: string[] = [];
  for (const [claim, name] of Object.entries(names)) {
    const found = payload[claim];
    const texts = (Array.isArray(found) ? found : [found]).map(claimText).filter((text) => text !== undefined);
    if (texts.length > 0) lines.push(name, texts.map(inHeader).join(','));
  }
  return lines;
}

/** Characters that a field value cannot carry safely are percent-encoded as UTF-8, and so is the percent sign. */
const inHeader = (text: string): string =>
  text.replace(/[^\x21-\x24\x26-\x2b\x2d-\x7e ]+|^ +| +$/gu, (part) => encodeURIComponent(part.toWellFormed()));

/** Whether a variable holds, or may hold, a secret: a token, an address with a password or a token in it, or header fields. */
export const mayHoldSecret = (name: string): boolean => /URL|TOKEN|_(?:ENDPOINT|HEADERS)$/.test(name);

import { type HttpAnswer, ask, isSilence } from './ask.ts';

/** The result of a first look at a target. */
export interface Look {
  /** Whether the target says that it is a Rampart: only a Rampart gets a key that the lab has made. */
  readonly isRampart: boolean;
}

/** Looks at the target before any load; rejects with the reason if the target cannot be reached. */
export async function lookAt(target: { readonly url: string; readonly insecure?: boolean }): Promise<Look> {
  try {
    return { isRampart: isRampart(await ask(target, { path: '/openapi.json' })) };
  } catch (error) {
    // A target that accepts the connection is there; the load measures how it answers.
    if (isSilence(error)) return { isRampart: false };
    throw error;
  }
}

/** The target is a Rampart if its OpenAPI document names Rampart, or the problem that a gateway without barcodes sends instead. */
function isRampart({ status, text }: HttpAnswer): boolean {
  const body = parsed(text);
  if (status === 200) return (body?.['info'] as { title?: unknown } | undefined)?.title === 'Rampart';
  return typeof body?.['type'] === 'string' && body['type'].startsWith('urn:rampart:problem:');
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

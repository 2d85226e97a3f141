/** One request to the admin API: what is sent, and what its curl line is made from. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PUT';
  /** Without a slash at the start, as the page may lie below a path of a proxy. */
  readonly path: string;
  readonly body?: unknown;
}

export interface ApiReply {
  readonly status: number;
  readonly value: unknown;
  /** Why not, in words; undefined if it worked. */
  readonly problem: string | undefined;
}

/** Sends a request to the admin API; never rejects. Status 0: no reply. */
export async function callApi({ method, path, body }: ApiCall): Promise<ApiReply> {
  try {
    const response = await fetch(path, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const value: unknown = await response.json();
    return { status: response.status, value, problem: response.ok ? undefined : detailOf(value, response.status) };
  } catch {
    return { status: 0, value: undefined, problem: 'control does not answer' };
  }
}

function detailOf(value: unknown, status: number): string {
  const detail = typeof value === 'object' && value !== null ? Reflect.get(value, 'detail') : undefined;
  return typeof detail === 'string' ? detail : `control answered with status ${status}`;
}

/** The same request for a shell. */
export function curlLine({ method, path, body }: ApiCall, base: string, needsToken: boolean): string {
  const parts = ['curl', ...(method === 'GET' ? [] : ['-X', method])];
  if (needsToken) parts.push('-H', '"authorization: Bearer $ADMIN_TOKEN"');
  if (body !== undefined) parts.push('-H', "'content-type: application/json'", '-d', quoted(JSON.stringify(body)));
  return [...parts, quoted(new URL(path, base).href)].join(' ');
}

const quoted = (text: string): string =>
  /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

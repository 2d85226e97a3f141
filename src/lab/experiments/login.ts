import { valueAtPath } from '../../policy/slo/json-path.ts';
import type { Login } from '../../policy/slo/slo.ts';
import { ask } from '../system/ask.ts';
import type { System } from '../system/system.ts';

/** The header with the token that a login gives. Messages hold neither what was sent nor what came. */
export async function logIn(system: System, login: Login): Promise<Readonly<Record<string, string>>> {
  const { method, path, headers, body } = login.request;
  const what = `Cannot log in with ${method} ${system.url}${path.split('?', 1)[0]}`;
  const { status, text } = await ask(system, { method, path, headers, body });
  if (status < 200 || status >= 300) throw new Error(`${what}: it was answered with ${status}`);
  const token = valueAtPath(parsed(text), login.tokenPath);
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new Error(`${what}: its reply has no token at ${login.tokenPath}`);
  }
  return { [login.header]: `${login.prefix}${token}` };
}

/** Undefined of what is no JSON: its own message would hold a part of the reply. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { missingTlsFiles } from '../config/config.ts';
import type { Config } from '../config/model.ts';
import type { ConfigSource } from '../control/config/config-source.ts';
import { UsageError } from '../core/errors.ts';
import { checkTlsFiles } from '../gateway/tls/open-tls.ts';
import { listenersOf } from '../supervisor/host-listeners.ts';

/** Why a host whose file makes the configuration `own` cannot start with another one. */
export function startProblems(config: Config, own: Config): string[] {
  // The supervisor opens the sockets of the host's own file.
  const namesOf = (one: Config): string => JSON.stringify(listenersOf(one));
  return [
    ...missingTlsFiles(config),
    ...listenerFileProblems(config),
    ...(namesOf(config) === namesOf(own)
      ? []
      : ['its listeners (tls, proxyProtocol) are not those of the file of this host: copy the file to it']),
  ];
}

/** The same for a restart from now on, with the host's file as it is now. */
export async function nextStartProblems(config: Config, source: ConfigSource): Promise<string[]> {
  const { file, problems } = await source.read();
  const own = problems.length > 0 ? { config: undefined, problems } : source.build(file, config);
  if (own.config !== undefined) return startProblems(config, own.config);
  return own.problems.map((problem) => `the file of this host, whose listeners it opens at a start: ${problem}`);
}

function listenerFileProblems({ tls }: Config): string[] {
  if (tls === undefined) return [];
  try {
    checkTlsFiles(tls);
    return [];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.problems.length > 0 ? [...error.problems] : [error.message];
  }
}

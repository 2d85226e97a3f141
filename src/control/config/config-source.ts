import { isDeepStrictEqual } from 'node:util';
import { configWithFile, needsDatabase } from '../../config/config.ts';
import { withEnvFile } from '../../config/env-file.ts';
import { parseEnvironment } from '../../config/environment.ts';
import { evaluateConfigFile } from '../../config/evaluate.ts';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import type { ReadFile } from '../../config/file.ts';
import type { Config } from '../../config/model.ts';
import { hiddenAt } from '../../config/redaction.ts';
import { mayHoldSecret } from '../../config/secret-variables.ts';
import { routeRemarks } from '../../config/route-remarks.ts';
import { withSharedParts } from '../../config/shared-parts.ts';
import type { Clock } from '../../core/clock.ts';
import { UsageError } from '../../core/errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface ConfigSourceOptions {
  /** The environment of the process, and the same with what `.env` added at the start. */
  readonly processEnv: Env;
  readonly env: Env;
  readonly folder: string;
  readonly clock: Clock;
}

/** A configuration that was built from a file, or why it cannot be. */
export type BuiltConfig =
  | { readonly config: Config; readonly problems: readonly []; readonly remarks: () => readonly string[] }
  | { readonly config: undefined; readonly problems: readonly string[] };

/** Where the configuration of a host comes from: the file and the environment in which control was started. */
export class ConfigSource {
  readonly #options: ConfigSourceOptions;

  constructor(options: ConfigSourceOptions) {
    this.#options = options;
  }

  /** Evaluates the configuration file as it is now. */
  read(): Promise<ReadFile> {
    const { env, processEnv, folder, clock } = this.#options;
    return evaluateConfigFile({ named: env['RAMPART_CONFIG'] || undefined, folder, env: processEnv, clock });
  }

  /** The configuration of a file in the environment of the start. `current`: the one that it may replace. */
  build(file: ParsedConfigFile, current: Config): BuiltConfig {
    let config: Config;
    try {
      config = withSharedParts(configWithFile(this.#options.env, file, this.#options.folder, 'reload'), current);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return { config: undefined, problems: error.problems };
    }
    if (needsDatabase(config) && !needsDatabase(current)) {
      const route = config.routes.find(({ authenticate }) => authenticate)?.endpoint;
      const problem = `routes.${route}.authenticate: keys need the database, which was not started as no route had needed it: restart Rampart, or set authenticate: false`;
      return { config: undefined, problems: [problem] };
    }
    return { config, problems: [], remarks: () => routeRemarks(config.routes) };
  }

  /** What has changed in `.env` since the start, and needs a restart, as sentences. */
  environmentRemarks(): string[] {
    const { env, processEnv, folder } = this.#options;
    let now: Env;
    try {
      now = withEnvFile(processEnv, folder);
    } catch (error) {
      return error instanceof UsageError ? [error.message] : [];
    }
    const before = parseEnvironment(env).values as unknown as Readonly<Record<string, unknown>>;
    const { values, problems } = parseEnvironment(now);
    const changed = Object.entries(values).filter(([name, value]) => !isDeepStrictEqual(value, before[name]));
    const shown = (name: string, value: unknown): string =>
      value === undefined ? 'unset' : String(hiddenAt(mayHoldSecret(name) ? 'secret' : name, value));
    return [
      ...problems,
      ...changed.map(
        ([name, value]) =>
          `${name} is ${shown(name, value)} in .env, and ${shown(name, before[name])} is in force: variables take effect at a restart`,
      ),
    ];
  }
}

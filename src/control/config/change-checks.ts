import { type ConfigChange, configChanges, guardProblems } from '../../config/changes.ts';
import { missingTlsFiles } from '../../config/config.ts';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import type { Config } from '../../config/model.ts';
import type { ChangeRequest, ReloadRefusal } from './change-request.ts';

interface ChangeParts {
  readonly before: ParsedConfigFile;
  readonly after: ParsedConfigFile;
  /** As built from `after`. */
  readonly config: Config;
  readonly request: ChangeRequest;
  /** Why this host could not start with a configuration. Undefined: this is not checked. */
  readonly startProblems: ((config: Config) => Promise<readonly string[]>) | undefined;
  /** Advice for a change that needs a restart, where the restart alone is not enough. */
  readonly restartAdvice: string | undefined;
}

export interface CheckedChange {
  readonly changes: readonly ConfigChange[];
  /** This host takes it when it starts again, so workers cannot be asked about it now. */
  readonly isLater: boolean;
  /** Why it may not be made; undefined if it may. */
  readonly refusal: { readonly reason: ReloadRefusal; readonly problems: readonly string[] } | undefined;
}

/** Whether a change may be made on this host, as far as control can say without its workers. */
export async function checkChange(parts: ChangeParts): Promise<CheckedChange> {
  const { before, after, config, request, startProblems, restartAdvice } = parts;
  const changes = configChanges(before, after);
  const needRestart = changes.filter((change) => change.class === 'restart');
  const isLater = needRestart.length > 0 && request.atRestart === true && request.trial === true;
  const refused = (reason: ReloadRefusal, problems: readonly string[]): CheckedChange => ({
    changes,
    isLater,
    refusal: { reason, problems },
  });
  const missing = missingTlsFiles(config);
  if (missing.length > 0) return refused('invalid', missing);
  if (needRestart.length > 0 && !isLater) {
    const texts = needRestart.map(({ text }) => `${text}: this needs a restart`);
    return refused('restart-needed', restartAdvice === undefined ? texts : [...texts, restartAdvice]);
  }
  // Problems that a restart does not solve are reported now, because the host would start without the version.
  const incurable = isLater ? ((await startProblems?.(config)) ?? []) : [];
  if (incurable.length > 0) return refused('invalid', incurable);
  const guarded = request.force === true ? [] : guardProblems(before, after);
  if (guarded.length > 0) {
    const texts = guarded.map((text) => `${text}: use --force (force in the admin API) if that is meant`);
    return refused('guarded', texts);
  }
  return { changes, isLater, refusal: undefined };
}

import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { ParsedConfigFile } from '../../config/file-schema.ts';
import { parseConfigFile } from '../../config/file.ts';
import { contentHash } from '../../core/canonical-json.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { loadJson, saveJson } from '../../core/json-file.ts';
import { type ActiveAtStart, versionAtStart } from '../../policy/fleet/config-decision.ts';
import type { FleetConfigStore, FleetVersion, VersionContent } from '../../store/fleet-config.ts';

/** A version of the fleet with its configuration, as this release reads it. */
export interface FleetFile extends FleetVersion {
  readonly file: ParsedConfigFile;
  /** The hash of `file`; another release may read the version as something else. */
  readonly fileHash: string;
}

/** With which version of its fleet a host starts. */
export interface FleetConfigAtStart {
  /** `fleet`: PostgreSQL has it; `disk`: the last one that this host had, because PostgreSQL cannot be asked; `file`: none. */
  readonly from: 'fleet' | 'disk' | 'file';
  readonly version: FleetFile | undefined;
  /** Why PostgreSQL could not be asked, or its version cannot be used. */
  readonly problem: string | undefined;
}

/** How long a start waits for PostgreSQL. */
const READ_LIMIT_MS = 3000;

const savedSchema = z.object({ number: z.int().min(1), hash: z.string(), file: z.unknown() });

/** Where the last version of the fleet that a host has had lies. */
export const fleetVersionPath = (dataDir: string): string => join(dataDir, 'config', 'fleet-version.json');

/** Undefined if there is none, or none that this release can read. */
function loadFleetVersion(path: string): FleetFile | undefined {
  const saved = savedSchema.safeParse(loadJson(path)).data;
  if (saved === undefined) return undefined;
  const { file, problems } = parseConfigFile(saved.file, path);
  return problems.length > 0 ? undefined : { ...saved, file, fileHash: contentHash(file) };
}

/** Throws the system's error. */
export const saveFleetVersion = (path: string, { number, hash, file }: FleetFile): void =>
  saveJson(path, { number, hash, file });

/** The configuration of a version. Throws a StoreError, or an Error that says why it cannot be used. */
export async function fetchVersion(
  store: FleetConfigStore,
  number: number,
): Promise<FleetFile & Pick<VersionContent, 'force' | 'atRestart'>> {
  const content = await store.content(number);
  if (content === undefined) throw new Error(`version ${number} of the fleet is not in PostgreSQL any more`);
  const { file, problems } = parseConfigFile(content.file, `version ${number} of the fleet`);
  if (problems.length > 0) throw new Error(problems.join('; '));
  const { hash, force, atRestart } = content;
  return { number, hash, file, fileHash: contentHash(file), force, atRestart };
}

interface StartParts {
  readonly store: FleetConfigStore;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The version with which a host begins to serve; waits a few seconds for PostgreSQL at most. */
export async function fleetConfigAtStart({ store, dataDir, clock, log }: StartParts): Promise<FleetConfigAtStart> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const limit = clock.setTimeout(
    () => reject(new Error(`PostgreSQL has not answered within ${READ_LIMIT_MS / 1000} s`)),
    READ_LIMIT_MS,
  );
  let answer: ActiveAtStart<FleetFile>;
  let problem: string | undefined;
  try {
    answer = await Promise.race([activeVersion(store), late]);
  } catch (error) {
    problem = messageOf(error);
    answer = { kind: 'unknown' };
  } finally {
    limit.cancel();
  }
  const { from, version } = versionAtStart(answer, loadFleetVersion(fleetVersionPath(dataDir)));
  if (problem !== undefined)
    log.warn(
      { problem, version: version?.number },
      from === 'disk'
        ? 'the version of the fleet is unknown: this host starts with the last one that it had'
        : 'the version of the fleet is unknown: this host starts with its own configuration file',
    );
  return { from, version, problem };
}

async function activeVersion(store: FleetConfigStore): Promise<ActiveAtStart<FleetFile>> {
  const { active } = await store.versions();
  return active === undefined
    ? { kind: 'none' }
    : { kind: 'active', version: await fetchVersion(store, active.number) };
}

import type { Logger } from 'pino';
import type { ConfigReport } from '../../protocol/config-wire.ts';
import type { ControlMessage } from '../../protocol/messages.ts';
import type { Member } from '../members.ts';
import { logOtherEnvironment, logUnusableVersion } from '../worker-remarks.ts';
import type { ConfigKeeper } from './config-keeper.ts';
import type { Rollout } from './rollout.ts';

export interface WorkerVersionsDependencies {
  readonly log: Logger;
  readonly keeper: ConfigKeeper;
  readonly rollout: Rollout;
  /** Of the configuration that control works with. */
  readonly configHash: () => string;
  readonly tell: (member: Member, message: ControlMessage) => void;
}

/** Which version of the configuration each worker has. */
export class WorkerVersions {
  readonly #dependencies: WorkerVersionsDependencies;

  constructor(dependencies: WorkerVersionsDependencies) {
    this.#dependencies = dependencies;
  }

  /** A worker that has another version gets the one in force, and takes it before it serves. */
  tell(member: Member, fileHash: string | undefined): void {
    // An earlier version of Rampart, whose workers have to be replaced.
    if (fileHash === undefined) return;
    const { keeper, tell } = this.#dependencies;
    const { version, file } = keeper;
    const isSame = fileHash === version.hash;
    if (isSame) member.configVersion = version;
    tell(member, isSame ? { type: 'config', version } : { type: 'config', version, file });
  }

  reported(member: Member, report: ConfigReport): void {
    const { log, rollout } = this.#dependencies;
    if (report.type === 'config-committed') {
      member.configVersion = report.version;
      this.compare(member, report.configHash);
    } else if (report.problems.length > 0) logUnusableVersion(log, member, report.problems);
    rollout.said(member, report);
  }

  /** A worker whose environment differs works with another configuration than control, of the same file. */
  compare(member: Member, hash: string): void {
    const { log, keeper, configHash } = this.#dependencies;
    member.configHash = hash;
    if (hash === configHash() || member.configVersion?.number !== keeper.version.number) return;
    logOtherEnvironment(log, member, hash, configHash());
  }
}

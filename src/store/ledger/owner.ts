import { isProcessAlive, processName } from '../../core/process-name.ts';

/** The owner of a segment, with what tells whether that process still lives. */
export interface Owner {
  /** Unique among all processes since the machine was made: letters, digits and hyphens. */
  readonly name: string;
  isAlive(name: string): boolean;
}

/** This process. Its id alone would not do: after a restart of the machine, something else has it. */
export function thisProcess(): Owner {
  return { name: processName(process.pid) ?? `${process.pid}-00000000`, isAlive: isProcessAlive };
}

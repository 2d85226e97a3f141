import type { CommandLine } from './command-line.ts';

/** The input and output of a command, given by main.ts and by tests. */
export interface CommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Standard error as it is, where it is a terminal on which a line can be drawn again. */
  readonly drawing?: { readonly columns: number; write(text: string): unknown } | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of the configuration start here. */
  readonly folder: string;
  /** Gets the line that a command declares, before the arguments are read: so `rampart completion` knows all of them. */
  readonly declared?: (line: CommandLine) => void;
}

/** A command: gets what stands behind its name, resolves to the exit code. */
export type Command = (args: string[], io: CommandIo) => Promise<number>;

/** Commands by name, and what they are for; each is loaded when it is called, as most processes need one. */
export type CommandTable = Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<Command> }>
>;

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

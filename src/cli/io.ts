/** The input and output of a command, given by main.ts and by tests. */
export interface CommandIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of the configuration start here. */
  readonly folder: string;
}

/** A command: gets what stands behind its name, resolves to the exit code. */
export type Command = (args: string[], io: CommandIo) => Promise<number>;

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

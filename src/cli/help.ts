import type { CommandIo } from './io.ts';

/** Prints the help of a command when it is asked for; whether it was. */
export function askedForHelp(args: readonly string[], io: CommandIo, text: string): boolean {
  if (!args.includes('--help') && !args.includes('-h')) return false;
  io.stdout.write(text);
  return true;
}

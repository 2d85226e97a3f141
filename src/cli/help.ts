import { UsageError } from '../core/errors.ts';
import type { CommandIo } from './io.ts';

/**
 * Prints the help of a command when it is asked for; whether it was. Any argument that is neither in `known` nor asks
 * for help is refused: a mistyped option must not be taken for its absence.
 */
export function askedForHelp(
  args: readonly string[],
  io: CommandIo,
  { help, known }: { help: string; known: readonly string[] },
): boolean {
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout.write(help);
    return true;
  }
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown !== undefined) {
    throw new UsageError(`There is no argument '${unknown}' here; ${help.split('\n', 1)[0]}; --help tells more`);
  }
  return false;
}

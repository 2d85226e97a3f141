import { bashScript } from './completion/bash.ts';
import { completionTree } from './completion/tree.ts';
import { fishScript } from './completion/fish.ts';
import { zshScript } from './completion/zsh.ts';
import { type Command, type CommandIo, type CommandTable, exitCodes } from './io.ts';
import { guess, readOptions } from './options.ts';

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const shells = Object.keys(scripts) as (keyof typeof scripts)[];

const help = `usage: rampart completion ${shells.join('|')}

Prints a script by which the shell completes commands and options of rampart:

  bash   source <(rampart completion bash)        in ~/.bashrc
  zsh    source <(rampart completion zsh)         in ~/.zshrc, after compinit
  fish   rampart completion fish | source         in ~/.config/fish/config.fish
`;

/** `rampart completion` for these commands, of which it is one itself. */
export const completionOf =
  (commands: CommandTable): Command =>
  (args, io) =>
    completion(commands, args, io);

async function completion(commands: CommandTable, args: string[], io: CommandIo): Promise<number> {
  const operands = { least: 1, most: 1, what: `the name of a shell: ${shells.join(', ')}` };
  const line = { command: 'completion', help, operands, words: shells };
  const options = readOptions(line, args, io);
  if (options === undefined) return exitCodes.ok;
  const [name = ''] = options.operands;
  const shell = shells.find((each) => each === name);
  if (shell === undefined) options.problem(`there is no completion for ${name}${guess(name, shells)}`);
  options.check();
  if (shell !== undefined) io.stdout.write(scripts[shell](await completionTree(commands)));
  return exitCodes.ok;
}

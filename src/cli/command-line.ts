/** `flag` takes no value. */
export type OptionKind = 'value' | 'flag';

/** A command line as a command declares it. */
export interface CommandLine {
  /** The words behind `rampart`, such as `lab ramp`. */
  readonly command: string;
  readonly help: string;
  readonly options?: Readonly<Record<string, OptionKind>>;
  /** The commands that it takes as its first argument, each with its options among those above. */
  readonly subcommands?: Readonly<Record<string, readonly string[]>>;
  /** The only words that its argument may be, if there are few. */
  readonly words?: readonly string[];
  /** The arguments that are no options, if it takes any: how many, and what they are. */
  readonly operands?: { readonly least: number; readonly most: number; readonly what: string };
}

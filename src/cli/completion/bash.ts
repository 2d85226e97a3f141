import { type CompletionNode, knownPlaces, optionsWithValue, positionOf } from './tree.ts';

/** Words are compared and offered as they are: names of commands and options have no character that a shell reads. */
export function bashScript(nodes: readonly CompletionNode[]): string {
  return `# bash completion for rampart: source <(rampart completion bash)
_rampart() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} at='' i words=''
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${knownPlaces(nodes).join('|')}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at:$previous" in
    ${optionsWithValue(nodes).join('|')}) return ;;
  esac
  case "$at:$current" in
${nodes.map(({ words, options }) => `    '${positionOf(words)}:-'*) words='${options.map(({ name }) => `--${name}`).join(' ')}' ;;`).join('\n')}
${nodes.map(({ words, next }) => `    '${positionOf(words)}:'*) words='${next.map(({ name }) => name).join(' ')}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _rampart rampart
`;
}

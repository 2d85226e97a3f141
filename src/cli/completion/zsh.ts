import { type CompletionNode, knownPlaces, optionsWithValue, positionOf } from './tree.ts';

export function zshScript(nodes: readonly CompletionNode[]): string {
  return `#compdef rampart
# zsh completion for rampart: source <(rampart completion zsh), after compinit; or as _rampart in a folder of $fpath
_rampart() {
  local at='' i
  local -a names options
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
      ${knownPlaces(nodes).join('|')}) at="$at \${words[i]}" ;;
    esac
  done
  case "$at:\${words[CURRENT-1]}" in
    ${optionsWithValue(nodes).join('|')}) _files; return ;;
  esac
  case "$at" in
${nodes.map(caseOf).join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then _describe -o option options
  elif (( \${#names} )); then _describe command names
  else _files
  fi
}
if [[ "\${funcstack[1]}" == _rampart ]]; then _rampart "$@"; else compdef _rampart rampart; fi
`;
}

function caseOf({ words, next, options }: CompletionNode): string {
  const names = next.map(({ name, summary }) => quoted(summary === '' ? name : `${name}:${summary}`));
  const flags = options.map(({ name }) => quoted(`--${name}`));
  return `    '${positionOf(words)}') names=(${names.join(' ')}); options=(${flags.join(' ')}) ;;`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

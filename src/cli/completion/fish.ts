import { type CompletionNode, knownPlaces, positionOf } from './tree.ts';

export function fishScript(nodes: readonly CompletionNode[]): string {
  const lines = nodes.flatMap(({ words, next, options }) => {
    const here = `-n "__rampart_at '${positionOf(words)}'"`;
    return [
      ...next.map(({ name, summary }) => `complete -c rampart ${here} -f -a ${name}${described(summary)}`),
      ...options.map(({ name, takesValue }) => `complete -c rampart ${here} -l ${name}${takesValue ? ' -r' : ''}`),
    ];
  });
  return `# fish completion for rampart: rampart completion fish | source
function __rampart_at --description 'Whether the command line stands behind exactly these words'
    set -l at
    for word in (commandline -opc)[2..-1]
        contains -- "$at $word" ${knownPlaces(nodes).join(' ')}; and set at "$at $word"
    end
    test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}

const described = (summary: string): string => (summary === '' ? '' : ` -d '${summary.replaceAll("'", "\\'")}'`);

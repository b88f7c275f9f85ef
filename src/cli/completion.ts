// `ringback completion bash|zsh|fish`: a script for the shell that completes commands, flags and their choices, made of the
// commands themselves.
import { Argument, Command } from 'commander';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export function completionCommand(everyCommand: () => Promise<Command[]>): Command {
  return new Command('completion')
    .description('print what makes a shell complete commands and flags')
    .addArgument(new Argument('<shell>', 'which').choices(SHELLS))
    .addHelpText(
      'after',
      `
bash: source <(ringback completion bash)         in ~/.bashrc
zsh:  source <(ringback completion zsh)          in ~/.zshrc
fish: ringback completion fish | source          in ~/.config/fish/config.fish`,
    )
    .action(async (shell: Shell) => {
      process.stdout.write(SCRIPTS[shell](wordsOf(await everyCommand())));
    });
}

/** What may follow, by what stands before: `callbacks list` has its flags, `callbacks` its commands. */
export type Words = ReadonlyMap<string, readonly string[]>;

export function wordsOf(commands: readonly Command[]): Words {
  const words = new Map<string, string[]>([['', commands.map((one) => one.name())]]);
  const add = (command: Command, path: string) => {
    const flags = command.options.flatMap(({ long }) => long ?? []);
    const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
    words.set(path, [...command.commands.map((one) => one.name()), ...choices, ...flags, '--help']);
    for (const { long, argChoices } of command.options)
      if (long && argChoices) words.set(`${path} ${long}`, [...argChoices]);
    for (const one of command.commands) add(one, `${path} ${one.name()}`);
  };
  for (const command of commands) add(command, command.name());
  return words;
}

/** Names of ours alone: letters, digits and dashes. */
const cases = (words: Words, line: (path: string, list: string) => string) =>
  [...words].map(([path, list]) => line(path, list.join(' '))).join('\n');

// `at` and `found`: `path` and `words` are the shell's own in zsh.
// `-o default`: where nothing of ours fits, files, as the shell itself completes and quotes them.
const bash = (words: Words): string => `_ringback() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at= word= found=
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do
    [[ "$word" == -* ]] && break
    at="\${at:+$at }$word"
  done
  if [[ "$before" != -* ]] || ! _ringback_words "$at $before"; then
    until _ringback_words "$at" || [[ -z "$at" ]]; do
      [[ "$at" == *' '* ]] && at="\${at% *}" || at=
    done
  fi
  COMPREPLY=($(compgen -W "$found" -- "$current"))
}
_ringback_words() {
  case "$1" in
${cases(words, (path, list) => `  '${path}') found='${list}' ;;`)}
  *) return 1 ;;
  esac
}
complete -o default -F _ringback ringback
`;

const zsh = (words: Words): string => `autoload -U +X bashcompinit && bashcompinit
${bash(words)}`;

const fish = (words: Words): string => `function __ringback_words
  set -l before (commandline -opc)[2..]
  set -l path
  for word in $before
    string match -q -- '-*' $word; and break
    set -a path $word
  end
  set -l last $before[-1]
  set -l key "$path"
  if string match -q -- '-*' "$last"
    set key "$path $last"
  end
  while true
    switch "$key"
${cases(words, (path, list) => `      case '${path}'\n        string split ' ' -- '${list}'\n        return`)}
    end
    if test "$key" = "$path"
      set -e path[-1]
    end
    set key "$path"
    test -z "$key"; and return
  end
end
complete -c ringback -a '(__ringback_words)'
`;

const SCRIPTS: Readonly<Record<Shell, (words: Words) => string>> = { bash, zsh, fish };

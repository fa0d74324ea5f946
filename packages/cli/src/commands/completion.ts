import { EXIT } from '@skep/base';
import type { Call, Command, Option } from '../command.ts';

/** `skep completion SHELL`; `commands` are those that it tells of. */
export const completionCommand = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  summary: 'Print what a shell needs to complete commands and options',
  argument: { name: 'shell', summary: 'bash, zsh or fish (default: that of $SHELL)', required: false },
  options: [],
  examples: [
    { line: 'source <(skep completion bash)', does: 'in ~/.bashrc; for zsh the same with zsh, in ~/.zshrc' },
    { line: 'skep completion fish > ~/.config/fish/completions/skep.fish', does: 'for fish' },
  ],
  load: async () => ({ execute: async (call) => print(call, commands()) }),
});

function print({ args, io }: Call, commands: readonly Command[]): number {
  const shell = args[0] ?? (process.env['SHELL'] ?? '').replace(/^.*\//, '');
  if (!['bash', 'zsh', 'fish'].includes(shell)) {
    io.err(`skep completes for bash, zsh and fish; \`${shell}\` is none of them\n`);
    return EXIT.usage;
  }
  io.out(shell === 'fish' ? fish(commands) : `${shell === 'zsh' ? ZSH : ''}${bash(commands)}`);
  return EXIT.ok;
}

/** zsh understands bash's way. */
const ZSH = 'autoload -U +X bashcompinit && bashcompinit\n';

function bash(commands: readonly Command[]): string {
  const cases = commands.map(({ name, options: all }) => {
    const options = all.filter((one) => !one.hidden);
    const values = options.flatMap((one) =>
      one.choices ? [`${longOf(one)}) choices='${one.choices.join(' ')}';;`] : [],
    );
    const flags = [...options.map(longOf), '--help'].join(' ');
    return `    ${name}) flags='${flags}'${values.length > 0 ? `; case $before in ${values.join(' ')} esac` : ''};;`;
  });
  return `_skep() {
  local current=$2 before=$3 flags= choices=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map((one) => one.name).join(' ')} help' -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  if [ -n "$choices" ]; then COMPREPLY=($(compgen -W "$choices" -- "$current"))
  elif [ "\${current#-}" != "$current" ]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _skep skep
`;
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap(({ name, summary, options }) => [
    `complete -c skep -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...options
      .filter((one) => !one.hidden)
      .map((one) => {
        const short = /^-(\w),/.exec(one.flags)?.[1];
        return [
          `complete -c skep -n '__fish_seen_subcommand_from ${name}' -l ${longOf(one).slice(2)}`,
          ...(short ? [`-s ${short}`] : []),
          ...(one.value ? ['-r'] : []),
          ...(one.choices ? [`-a '${one.choices.join(' ')}'`] : []),
          `-d ${quoted(one.summary)}`,
        ].join(' ');
      }),
  ]);
  return `${lines.join('\n')}\n`;
}

function longOf({ flags }: Option): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}

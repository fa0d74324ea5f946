/** What `skep`, `skep --help` and `skep help` say. */
import { EXIT, SkepError, suggest } from '@skep/base';
import type { Command } from './command.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { GROUPS, type Group } from './groups.ts';

/** Without arguments: what to try first, and every command by what it is for. */
export function overview(): string {
  const width = Math.max(...FIRST.map(([line]) => line.length)) + 3;
  return [
    'skep: eBPF in one piece. See what a machine does; write programs, and run them in the kernel or in a virtual machine.',
    '',
    'Try first:',
    ...FIRST.map(([line, does]) => `  ${line.padEnd(width)}${does}`),
    '',
    ...GROUPS.flatMap(({ name, title, commands }) => [`${title}  (skep help ${name})`, ...lines(commands), '']),
    'skep COMMAND --help shows examples and options of a command; skep --version the version.',
    EXIT_CODES,
    '',
  ].join('\n');
}

/** None needs a file; the first two not even root, nor Linux. */
const FIRST: readonly (readonly [string, string])[] = [
  ['skep doctor', 'what this machine allows, and what to do about the rest'],
  ['skep trace \'BEGIN { printf("hello\\n"); }\' --home vm', 'a program in one line, in the virtual machine'],
  ['sudo skep execsnoop', 'every program that is started'],
  ['sudo skep opensnoop -- ls /etc', 'the files that one command opens'],
  ["sudo skep trace 'profile:hz:99 { @[comm] = count(); }'", 'who uses the processors; Ctrl-C ends it'],
];

/** `skep help`, `skep help GROUP`, `skep help COMMAND`; undefined when it is a command's own help that is wanted. */
export function help(topic: string | undefined, commands: readonly Command[]): string | undefined {
  if (topic === undefined) return overview();
  const group = GROUPS.find((one) => one.name === topic);
  if (group !== undefined) return ofGroup(group, commands);
  if (commands.some((one) => one.name === topic)) return undefined;
  const names = [...GROUPS.map((one) => one.name), ...commands.map((one) => one.name)];
  const near = suggest(topic, names);
  throw new SkepError(
    {
      code: 'E7001',
      severity: 'error',
      message: `\`${topic}\` is no command, and no group of them`,
      help: near ? `did you mean \`${near}\`?` : `groups are ${GROUPS.map((one) => one.name).join(', ')}`,
    },
    EXIT.usage,
  );
}

function ofGroup({ title, commands: names }: Group, commands: readonly Command[]): string {
  const members = names.flatMap((name) => commands.find((one) => one.name === name) ?? []);
  const width = Math.max(...members.map((one) => one.name.length)) + 2;
  // The name alone is no example.
  const telling = members.flatMap(({ name, examples }) => examples.find(({ line }) => line !== `skep ${name}`) ?? []);
  const examples = telling.slice(0, 6).flatMap(({ line, does }) => [`  ${line}`, `      ${does}`]);
  return [
    title,
    '',
    ...members.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'Examples:',
    ...examples,
    '',
    'skep COMMAND --help shows all of its examples and options.',
    '',
  ].join('\n');
}

/** Names side by side, as wide as terminals are. */
function lines(names: readonly string[]): string[] {
  const made: string[] = [];
  for (const name of names) {
    const last = made.at(-1);
    if (last === undefined || last.length + name.length + 2 > WIDTH) made.push(`  ${name}`);
    else made[made.length - 1] = `${last}  ${name}`;
  }
  return made;
}

const WIDTH = 100;

import type { Diagnostic, Span } from '@skep/base';

/** E90xx: what the tools refuse. One function a code. */

export function noRoute(tool: string, release: string, missing: readonly string[]): Diagnostic {
  return {
    code: 'E9001',
    severity: 'error',
    message: `${tool} finds none of its hooks in Linux ${release}`,
    notes: missing.map((message) => ({ message })),
    help: '`skep doctor` says what this kernel offers and what to do about the rest; a recording of another machine can be shown with --replay',
  };
}

export function noSuchRoute(
  tool: string,
  name: string,
  near: string | undefined,
  names: readonly string[],
): Diagnostic {
  return {
    code: 'E9002',
    severity: 'error',
    message: `${tool} has no route \`${name}\``,
    help: near ? `did you mean \`${near}\`?` : `its routes are ${names.join(', ')}`,
  };
}

export function badInterval(text: string): Diagnostic {
  return {
    code: 'E9003',
    severity: 'error',
    message: `\`${text}\` is no interval`,
    help: 'give seconds, and then how many times: `1 10`',
  };
}

export function notRecorded(tool: string, sections: readonly string[]): Diagnostic {
  return {
    code: 'E9004',
    severity: 'error',
    message: `this recording holds nothing that ${tool} could show`,
    notes: [{ message: `it was made of ${sections.join(', ') || 'no programs'}` }],
    help: `record with \`skep ${tool} --record FILE\``,
  };
}

export function noCgroup(path: string, root: string | undefined): Diagnostic {
  return {
    code: 'E9005',
    severity: 'error',
    message: `there is no cgroup at ${path}`,
    help: root === undefined ? 'cgroup version 2 is not mounted here' : `give the path of a directory below ${root}`,
  };
}

export function cannotWrite(path: string, why: string): Diagnostic {
  return {
    code: 'E9006',
    severity: 'error',
    message: `cannot write ${path}: ${why}`,
    help: 'name a file in a directory that you may write to',
  };
}

export function badShare(text: string): Diagnostic {
  return {
    code: 'E9020',
    severity: 'error',
    message: `\`${text}\` is no share of a processor`,
    help: 'write it in per cent of one processor: `1%`, `0.5%`',
  };
}

export function noSuchTool(name: string, near: string | undefined, names: readonly string[]): Diagnostic {
  return {
    code: 'E9021',
    severity: 'error',
    message: `there is no tool \`${name}\``,
    help: near ? `did you mean \`${near}\`?` : `there are ${names.join(', ')}`,
  };
}

export function nothingRecorded(path: string): Diagnostic {
  return {
    code: 'E9022',
    severity: 'error',
    message: `${path} was not made by a tool`,
    help: '`skep run FILE --replay` shows what a program of your own recorded; `skep TOOL --replay` tries it with a tool',
  };
}

export function commandFailed(command: readonly string[], code: number): Diagnostic {
  return {
    code: 'E9023',
    severity: 'error',
    message: `\`${command.join(' ')}\` ended with exit code ${code}, so its time means nothing`,
    help: 'give a command that succeeds',
  };
}

export function cannotRun(command: readonly string[], why: string): Diagnostic {
  return { code: 'E9024', severity: 'error', message: `\`${command.join(' ')}\` cannot be run: ${why}` };
}

export function nothingToTime(): Diagnostic {
  return {
    code: 'E9026',
    severity: 'error',
    message: '`skep cost` has no command to time',
    help: 'put it behind `--`: `skep cost -- ls -R /etc`',
  };
}

export function noStatistics(why: string): Diagnostic {
  return {
    code: 'E9025',
    severity: 'error',
    message: `runs of programs are not counted: ${why}`,
    help: 'it takes Linux 5.8 and CAP_SYS_ADMIN',
  };
}

export function noDisk(name: string, near: string | undefined, names: readonly string[]): Diagnostic {
  return {
    code: 'E9007',
    severity: 'error',
    message: `there is no disk \`${name}\``,
    help: near ? `did you mean \`${near}\`?` : `there are ${names.join(', ') || 'none'}`,
  };
}

export function badErrno(text: string): Diagnostic {
  return {
    code: 'E9008',
    severity: 'error',
    message: `\`${text}\` is no error number`,
    help: 'write it as ENOENT, or as 2; errno(3) lists them',
  };
}

export function noSystemCall(name: string, near: string | undefined): Diagnostic {
  return {
    code: 'E9016',
    severity: 'error',
    message: `there is no system call \`${name}\``,
    help: `${near ? `did you mean \`${near}\`? ` : ''}\`skep trace -l 'tracepoint:syscalls:sys_enter_*'\` lists them`,
  };
}

export function nothingToFilter(tool: string): Diagnostic {
  return {
    code: 'E9017',
    severity: 'error',
    message: `\`skep ${tool}\` shows no rows that --filter could choose from`,
    help: 'choose by -p, -c or --cgroup, or by its own options (`--help`)',
  };
}

export function noFileSystem(name: string, near: string | undefined, names: readonly string[]): Diagnostic {
  return {
    code: 'E9009',
    severity: 'error',
    message: `the file system \`${name}\` is not known`,
    help: near ? `did you mean \`${near}\`?` : `choose one of ${names.join(', ')}, or leave it out`,
  };
}

export function badPlace(pattern: string): Diagnostic {
  return {
    code: 'E9010',
    severity: 'error',
    message: `\`${pattern}\` names no place`,
    help: 'write vfs_read, vfs_*, c:malloc, /bin/bash:readline, t:block:block_rq_issue or u:FILE:PROBE',
  };
}

export function noPlace(pattern: string, near: string | undefined): Diagnostic {
  return {
    code: 'E9011',
    severity: 'error',
    message: `nothing matches \`${pattern}\``,
    help: near ? `did you mean \`t:${near}\`?` : '`skep trace -l PATTERN` lists what there is',
  };
}

export function tooManyPlaces(pattern: string, count: number, most: number): Diagnostic {
  return {
    code: 'E9012',
    severity: 'error',
    message: `${count} places match \`${pattern}\`, more than ${most}`,
    help: 'name fewer of them',
  };
}

export function noWay(pattern: string, remedy: string): Diagnostic {
  return {
    code: 'E9013',
    severity: 'error',
    message: `\`${pattern}\` is in the kernel, and this kernel has no probes for its functions (kprobes)`,
    help: `${remedy}${remedy === '' ? '' : '; '}tracepoints (t:CATEGORY:NAME), libraries and programs can be watched here`,
  };
}

export function refusedOption(tool: string, flags: string, instead: string): Diagnostic {
  return {
    code: 'E9030',
    severity: 'error',
    message: `\`skep ${tool}\` has no ${flags.replace(', ', ' (')}${flags.includes(', ') ? ')' : ''}`,
    help: instead,
  };
}

export function notByProcess(tool: string, option: string, why: string): Diagnostic {
  return {
    code: 'E9031',
    severity: 'error',
    message: `\`skep ${tool}\` cannot choose by ${option}: ${why}`,
    help: 'leave it out; what runs behind `--` or by -c only says how long it looks',
  };
}

export function badPattern(text: string, why: string): Diagnostic {
  return {
    code: 'E9032',
    severity: 'error',
    message: `\`${text}\` is no regular expression: ${why}`,
    help: 'a plain text matches where it stands in a name; \\ goes before ( ) [ ] { } * + ? . | ^ $',
  };
}

export function badPorts(text: string): Diagnostic {
  return {
    code: 'E9033',
    severity: 'error',
    message: `\`${text}\` names no ports`,
    help: 'give numbers from 1 to 65535, with commas between them: `80,443`',
  };
}

export function badAddress(text: string): Diagnostic {
  return {
    code: 'E9034',
    severity: 'error',
    message: `\`${text}\` is no address`,
    help: 'write it as 192.0.2.1 or 2001:db8::1',
  };
}

export function badLevel(level: number, most: number): Diagnostic {
  return {
    code: 'E9039',
    severity: 'error',
    message: `calls cannot be timed ${level} deep`,
    help: `give a number from 1 to ${most}`,
  };
}

export function badPids(text: string, most: number): Diagnostic {
  return {
    code: 'E9038',
    severity: 'error',
    message: `\`${text}\` names no processes`,
    help: `give their numbers, up to ${most}, with commas between them: \`1234,1240\``,
  };
}

export function noCsv(tool: string): Diagnostic {
  return {
    code: 'E9035',
    severity: 'error',
    message: `\`skep ${tool}\` shows no rows that could be written as CSV`,
    help: '`-o jsonl` has histograms and stacks too',
  };
}

export function noLibrary(files: readonly string[]): Diagnostic {
  return {
    code: 'E9036',
    severity: 'error',
    message: `none of ${files.join(', ')} is here, or all are left out`,
    help: 'name the library, or the program that has OpenSSL within: `--library /usr/bin/node`',
  };
}

export function noSuchLibrary(name: string, near: string | undefined, names: readonly string[]): Diagnostic {
  return {
    code: 'E9037',
    severity: 'error',
    message: `calls of \`${name}\` are not known`,
    help: near ? `did you mean \`${near}\`?` : `they are of ${names.join(', ')}: \`--library gnutls:FILE\``,
  };
}

export function badSpec(message: string, span: Span, help: string): Diagnostic {
  return { code: 'E9014', severity: 'error', message, span, help };
}

export function nothingToCount(): Diagnostic {
  return {
    code: 'E9015',
    severity: 'error',
    message: '`skep argdist` is not told what to count',
    help: "give -C to count values, or -H for a histogram: `skep argdist -C 'p:c:write(int fd):int:fd'`",
  };
}

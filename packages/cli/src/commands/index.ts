import type { Command, Option } from '../command.ts';
import type { LoadedKind } from './loaded-kind.ts';

const output: Option = {
  flags: '-o, --output',
  value: 'format',
  summary: 'table, wide, json, jsonl, yaml, none, or columns=NAME,NAME',
  fallback: 'table',
};

const home: Option = {
  flags: '--home',
  value: 'home',
  summary: 'where it runs: the kernel, the virtual machine (vm), or what is possible (auto)',
  choices: ['auto', 'kernel', 'vm'],
  fallback: 'auto',
};

/** What the compiler takes; clang's way of writing it is understood too (clang-options.ts). */
const compiling: readonly Option[] = [
  { flags: '-I, --include', value: 'dir', summary: 'look for included files here too', many: true },
  { flags: '--isystem', value: 'dir', summary: 'here too, behind those, without warnings (-isystem)', many: true },
  { flags: '-D, --define', value: 'name[=value]', summary: 'define a macro', many: true },
  { flags: '-U, --undefine', value: 'name', summary: 'take a macro back', many: true },
  { flags: '--preinclude', value: 'file', summary: 'include this file before the first line (-include)', many: true },
  {
    flags: '--btf',
    value: 'file',
    summary: 'kernel types that vmlinux.h means (default: the running kernel, else bundled ones)',
  },
  {
    flags: '--cpu',
    value: 'version',
    summary: 'instruction set (-mcpu=)',
    choices: ['v1', 'v2', 'v3', 'v4'],
    fallback: 'v3',
  },
  {
    flags: '-O, --optimise',
    value: 'level',
    summary: 'how much to optimise',
    choices: ['0', '1', '2', 's'],
    fallback: '2',
  },
];

/** Those that do without the tools, in the order of the help. The rest is in `all.ts`: its tables bring much code along. */
export const CORE_COMMANDS: readonly Command[] = [
  {
    name: 'run',
    summary: 'Compile if needed, load, attach, and show events until it is over',
    argument: { name: 'file', summary: 'C source, ELF object, or probes in TypeScript', required: true },
    trailing: { name: 'command', summary: 'run this and end with it' },
    options: [
      home,
      { flags: '--replay', value: 'file', summary: 'run in the virtual machine on this recording' },
      { flags: '--pcap', value: 'file', summary: 'run on the packets of this file (pcap, pcapng)' },
      { flags: '--write', value: 'file', summary: 'with --pcap: write the packets that go on' },
      { flags: '--record', value: 'file', summary: 'write what the programs see to this recording (kernel only)' },
      { flags: '--cost', summary: 'say what the programs and skep itself cost' },
      {
        flags: '--max-cpu',
        value: 'share',
        summary: 'attach only part of the time above this share of a processor: 1%',
      },
      { flags: '--duration', value: 'time', summary: 'end after this time (5s, 500ms, 2m)', kind: 'duration' },
      { flags: '--count', value: 'n', summary: 'end after so many events', kind: 'integer' },
      { flags: '-i, --interface', value: 'name', summary: 'network interface, for XDP, tc and netkit programs' },
      { flags: '--direction', value: 'way', summary: 'of tc programs', choices: ['ingress', 'egress'] },
      { flags: '--cgroup', value: 'dir', summary: 'cgroup (version 2), for programs on cgroups and sockops' },
      { flags: '--pid', value: 'pid', summary: 'only this process, for uprobes and perf events', kind: 'integer' },
      { flags: '--netns', value: 'file', summary: 'network namespace, for sk_lookup and flow_dissector programs' },
      { flags: '--route', value: 'destination', summary: 'of packets, for lwt_in, lwt_out and lwt_xmit programs' },
      {
        flags: '--hook',
        value: 'hook',
        summary: 'of netfilter, for netfilter programs',
        choices: ['pre_routing', 'input', 'forward', 'output', 'post_routing'],
      },
      {
        flags: '--drop-rights',
        summary: 'as a service: once all is attached, keep only the capabilities that reading takes',
      },
      { flags: '--program', value: 'name', summary: 'load only this program', many: true },
      {
        flags: '--types',
        value: 'file',
        summary: 'fit programs (CO-RE) to the types of this file, of a program that is probed, not to the kernel',
      },
      { flags: '--set', value: 'name=number', summary: 'first value of a global variable', many: true },
      { flags: '--check', summary: 'have the verifier of skep look at it first, and explain what it refuses' },
      output,
      ...compiling,
    ],
    examples: [
      { line: 'skep run examples/opens.bpf.c -- ls /etc', does: 'which files a command opens' },
      {
        line: 'skep run examples/opens.bpf.c --home vm',
        does: 'the same in the virtual machine, over the recording that lies beside',
      },
      {
        line: 'skep run examples/typescript/opensnoop.ts -- cat /etc/hostname',
        does: 'a program written in TypeScript',
      },
      { line: 'skep run examples/exits.bpf.c --duration 10s -o jsonl', does: 'ten seconds of events as JSON lines' },
    ],
    load: () => import('./run.ts'),
  },
  {
    name: 'build',
    summary: 'Compile C, or probes in TypeScript, to an ELF object that any loader takes',
    description:
      'Several sources, or objects among them, are linked when -o names one file. Options of clang are understood ' +
      '(-target bpf -g -c -Wall -MD -isystem …), so that a Makefile can call `skep build` in its place.',
    argument: { name: 'files', summary: 'C sources, probes in TypeScript', required: true, many: true },
    options: [
      { flags: '-o, --output', value: 'file', summary: 'the object (default: the source with .o for .c; - is stdout)' },
      {
        flags: '--emit',
        value: 'what',
        summary: 'what to write: preprocessed C (-E), typed tree, intermediate form, instructions (-S), object',
        choices: ['c', 'ast', 'ir', 'asm', 'obj'],
        fallback: 'obj',
      },
      { flags: '--watch', summary: 'build again whenever a file that was read changes, until Ctrl-C' },
      {
        flags: '--warn',
        value: 'name',
        many: true,
        summary: "clang's names of warnings: all, extra, shadow, no-format, error=shadow (-Wall …)",
      },
      { flags: '--werror', summary: 'take warnings for errors (-Werror)' },
      { flags: '--no-warnings', summary: 'show no warnings (-w)' },
      { flags: '--deps', summary: 'write only the rule for make that names the files read (-M, -MM)' },
      { flags: '--write-deps', summary: 'write that rule besides the object (-MD, -MMD)' },
      { flags: '--depfile', value: 'file', summary: 'where to (-MF; default: the object with .d for .o)' },
      { flags: '--deptarget', value: 'name', summary: 'what the rule makes (-MT; default: the object)' },
      { flags: '--phony-deps', summary: 'a rule for each header too, so that make survives its removal (-MP)' },
      { flags: '--no-system-deps', summary: 'leave out the files of the system (-MM, -MMD)' },
      { flags: '--timings', summary: 'say how long each stage took' },
      ...compiling,
    ],
    examples: [
      {
        line: 'skep build examples/opens.bpf.c -o opens.bpf.o',
        does: 'code, BTF, line information, CO-RE relocations',
      },
      { line: 'skep build examples/xdp_drop.bpf.c --emit asm -o -', does: 'the instructions, with their source lines' },
      { line: 'skep build main.bpf.c maps.bpf.c -o all.bpf.o', does: 'two sources, one object' },
      {
        line: "make CLANG='npx skep build'",
        does: 'in a project whose Makefile says $(CLANG) -g -O2 -target bpf -c x.bpf.c -o x.bpf.o',
      },
    ],
    load: () => import('./build.ts'),
  },
  {
    name: 'link',
    summary: 'Link objects, of any compiler, into one',
    description:
      'As `bpftool gen object`: weak definitions give way, maps and types that are the same are there once. What does ' +
      'not fit together is said with the names of both files.',
    argument: { name: 'objects', summary: 'ELF objects', required: true, many: true },
    options: [
      { flags: '-o, --output', value: 'file', summary: 'the linked object (- is stdout)', required: true },
      { flags: '--partial', summary: 'leave what no object defines to a later link' },
    ],
    examples: [{ line: 'skep link main.bpf.o maps.bpf.o -o all.bpf.o', does: 'one object out of two' }],
    load: () => import('./link.ts'),
  },
  {
    name: 'disasm',
    summary: 'Show the instructions of an object, with source lines',
    argument: { name: 'file', summary: 'ELF object, C source, or probes in TypeScript', required: true },
    options: [
      { flags: '--program', value: 'name', summary: 'only this program', many: true },
      { ...output, summary: 'table (text) or json' },
      ...compiling,
    ],
    examples: [{ line: 'skep disasm examples/xdp_count.bpf.c', does: "in the kernel's own syntax" }],
    load: () => import('./disasm.ts'),
  },
  {
    name: 'asm',
    summary: 'Assemble instructions to an object with one program',
    description: "The text is what the kernel's verifier and `skep disasm` print, with labels; - reads stdin.",
    argument: { name: 'file', summary: 'text of instructions', required: true },
    options: [
      { flags: '-o, --output', value: 'file', summary: 'the object (default: the text with .o for .s; - is stdout)' },
      { flags: '--section', value: 'name', summary: 'what the program is, as SEC() says', fallback: 'socket' },
      { flags: '--name', value: 'name', summary: 'its name (default: that of the file)' },
      { flags: '--license', value: 'text', summary: 'its license', fallback: 'GPL' },
      {
        flags: '--emit',
        value: 'what',
        summary: 'an object, the bytes of each instruction, or the instructions as they are read',
        choices: ['obj', 'hex', 'json', 'text'],
        fallback: 'obj',
      },
    ],
    examples: [
      { line: "printf 'r0 = 2; exit' | skep asm - --section xdp -o pass.o", does: 'a program that lets packets pass' },
      { line: 'skep asm prog.s --emit hex', does: 'the bytes of each instruction' },
    ],
    load: () => import('./asm.ts'),
  },
  {
    name: 'types',
    summary: 'Print types: of an object, of a source, or of the kernel',
    description: 'As C by default. With `--ts`, as declarations of the values that the API gives for maps and records.',
    argument: {
      name: 'names',
      summary: 'an object or source, then types; only types with --kernel',
      required: false,
      many: true,
    },
    options: [
      { flags: '--kernel', summary: "the running kernel's types (else bundled ones)" },
      { flags: '--ts', summary: 'as TypeScript' },
      {
        flags: '--format',
        value: 'format',
        summary: 'C, TypeScript, BTF line by line, or JSON',
        choices: ['c', 'ts', 'raw', 'json'],
      },
      { flags: '-o, --output', value: 'file', summary: 'where to (default: stdout); .ts means --ts' },
      ...compiling,
    ],
    examples: [
      { line: 'skep types --kernel task_struct', does: 'a structure of the kernel, with all that it holds' },
      {
        line: 'skep types examples/opens.bpf.c -o opens.d.ts',
        does: 'TypeScript declarations of its maps and records',
      },
      { line: 'skep types --kernel > vmlinux.h', does: 'the header that other compilers need' },
    ],
    load: () => import('./types.ts'),
  },
  {
    name: 'check',
    summary: "Say what the kernel's verifier will say of each program, and why, without loading it",
    argument: { name: 'file', summary: 'C source, ELF object, or probes in TypeScript', required: false },
    options: [
      {
        flags: '--kernel',
        value: 'versions',
        summary:
          'as these kernels would: 6.1,6.12,6.18, running, or a profile of `skep probe-kernel` (default: running)',
      },
      { flags: '--program', value: 'name', summary: 'only this program', many: true },
      {
        flags: '--kernel-log',
        value: 'file',
        summary: "explain what a real kernel said (of bpftool, libbpf or skep); with the file in its author's names",
      },
      { flags: '--unprivileged', summary: 'as for users without CAP_BPF and CAP_PERFMON' },
      {
        flags: '--cpus',
        value: 'count',
        summary: 'processors that the machine may have (default: of this one for the running kernel, else 8192)',
      },
      { flags: '--no-fixes', summary: 'do not look for changes that mend what is refused' },
      { flags: '--trace', summary: 'print what is known at each instruction, as the log of the kernel does' },
      { ...output, summary: 'table or json' },
      ...compiling,
    ],
    examples: [
      { line: 'skep check examples/opens.bpf.c', does: 'verdict, cost and stack of each program' },
      { line: 'skep check examples/typescript/opensnoop.ts', does: 'the same of probes in TypeScript' },
      {
        line: 'skep check examples/xdp_count.bpf.c --kernel 6.1,6.12,6.18 -o json',
        does: 'the same for three kernels, as JSON',
      },
    ],
    load: () => import('./check.ts'),
  },
  {
    name: 'explain',
    summary: 'Tell the long story of a diagnostic',
    argument: { name: 'code', summary: 'as in error[E2103]', required: true },
    options: [{ ...output, summary: 'table (text) or json' }],
    examples: [
      { line: 'skep explain E2103', does: 'what it means, why the kernel insists, and what to write instead' },
    ],
    load: () => import('./explain.ts'),
  },
  {
    name: 'probe-kernel',
    summary: 'Ask the running kernel what it allows each type of program, for `skep check --kernel FILE` anywhere',
    description:
      'Loads some forty thousand tiny programs, each of which does one thing, and closes them at once; nothing is attached.',
    options: [{ flags: '-o, --output', value: 'file', summary: 'the profile (default: stdout)' }],
    examples: [{ line: 'skep probe-kernel -o my-kernel.json', does: 'contexts, helpers and results of this kernel' }],
    load: () => import('./probe-kernel.ts'),
  },
  {
    name: 'test-run',
    summary: 'Run a program once, or many times, on a packet or context of yours',
    argument: { name: 'file', summary: 'C source, ELF object, or probes in TypeScript', required: true },
    options: [
      { flags: '--program', value: 'name', summary: 'which program, when there are several' },
      { flags: '--data', value: 'file', summary: 'the packet: a file, or hex:0a0b0c' },
      { flags: '--ctx', value: 'file', summary: 'the context: a file, or hex:0a0b0c' },
      { flags: '--repeat', value: 'n', summary: 'run it so many times and give the average time', kind: 'integer' },
      { flags: '--set', value: 'name=number', summary: 'first value of a global variable', many: true },
      home,
      { ...output, summary: 'table or json' },
      ...compiling,
    ],
    examples: [
      {
        line: 'skep test-run examples/xdp_drop.bpf.c --data hex:ffffffffffff0000000000000800',
        does: 'what it says to a packet',
      },
      {
        line: 'skep test-run examples/xdp_count.bpf.c --repeat 1000000 --home vm -o json',
        does: 'how long it takes, and the maps afterwards',
      },
    ],
    load: () => import('./test-run.ts'),
  },
  {
    name: 'debug',
    summary: 'Step a program in the virtual machine, forwards and backwards',
    argument: { name: 'file', summary: 'C source, ELF object, or probes in TypeScript', required: true },
    options: [
      { flags: '--program', value: 'name', summary: 'which program, when there are several' },
      { flags: '--data', value: 'file', summary: 'the packet: a file, or hex:0a0b0c' },
      { flags: '--ctx', value: 'file', summary: 'the context: a file, or hex:0a0b0c' },
      { flags: '--replay', value: 'file', summary: 'step through all runs of this recording' },
      { flags: '--set', value: 'name=number', summary: 'first value of a global variable', many: true },
      ...compiling,
    ],
    examples: [
      { line: 'skep debug examples/xdp_count.bpf.c', does: "gdb's commands; help lists them" },
      {
        line: 'skep debug examples/opens.bpf.c --replay examples/opens.skep',
        does: 'what a recorded machine did, as often as you like',
      },
    ],
    load: () => import('./debug.ts'),
  },
  {
    name: 'doctor',
    summary: 'Say what this machine allows, and what to do about what it does not',
    options: [{ ...output, summary: 'table or json' }],
    examples: [{ line: 'skep doctor', does: 'kernel, permission, BTF, features' }],
    load: () => import('./doctor.ts'),
  },
  loaded('prog', 'programs', 'show, dump [xlated|jited], pin PATH', [
    { line: 'skep prog dump opens', does: 'its instructions after the verifier, with the lines of its source' },
    { line: 'skep prog pin 42 /sys/fs/bpf/kept', does: 'keep it when the process that loaded it ends' },
  ]),
  loaded('map', 'maps', 'show, dump, lookup KEY, update KEY VALUE, delete KEY, next [KEY], push VALUE, pop, pin PATH', [
    { line: 'skep map dump counts -o json', does: 'its entries, typed where it was loaded with types' },
    { line: 'skep map update 7 42 hex:0100000000000000', does: 'a number as key, bytes as value' },
    { line: `skep map lookup flows '{"port": 443}'`, does: 'the value for a struct as key' },
  ]),
  loaded('links', 'links: which program runs where', 'show, detach, pin PATH', [
    { line: 'skep links detach 9', does: 'take a program off, whoever attached it' },
  ]),
  loaded('btf', 'types, of the kernel, of modules and of programs', 'show, dump', [
    { line: 'skep btf dump 1', does: 'types as C' },
  ]),
];

/** A command that shows what is loaded in this kernel, by whomever, and changes it. */
function loaded(name: LoadedKind, what: string, actions: string, examples: Command['examples']): Command {
  return {
    name,
    summary: `List loaded ${what}`,
    description: `Of this kernel, by whomever they were loaded. With one of them, by its number, its name or the path of its pin: ${actions}.`,
    argument: { name: 'what', summary: 'list, or an action and which one', required: false, many: true },
    options: [{ ...output, summary: 'table or json' }],
    examples: [
      { line: `skep ${name}`, does: 'all of them, with their numbers and the processes that hold them' },
      ...examples,
    ],
    load: async () => (await import('./loaded.ts')).commandOf(name),
  };
}

import type { Command, Option } from '../command.ts';

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

/** What the compiler takes, as clang spells it. */
const compiling: readonly Option[] = [
  { flags: '-I, --include', value: 'dir', summary: 'look for included files here too', many: true },
  { flags: '-D, --define', value: 'name[=value]', summary: 'define a macro', many: true },
  { flags: '-U, --undefine', value: 'name', summary: 'take a macro back', many: true },
  {
    flags: '--btf',
    value: 'file',
    summary: 'kernel types that vmlinux.h means (default: the running kernel, else bundled ones)',
  },
  { flags: '--cpu', value: 'version', summary: 'instruction set', choices: ['v1', 'v2', 'v3', 'v4'], fallback: 'v3' },
  { flags: '-O, --optimise', value: 'level', summary: 'how much to optimise', choices: ['0', '1', '2'], fallback: '2' },
];

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  {
    name: 'run',
    summary: 'Compile if needed, load, attach, and show events until it is over',
    argument: { name: 'file', summary: 'C source or ELF object', required: true },
    trailing: { name: 'command', summary: 'run this and end with it' },
    options: [
      home,
      { flags: '--replay', value: 'file', summary: 'run in the virtual machine on this recording' },
      { flags: '--record', value: 'file', summary: 'write what the programs see to this recording (kernel only)' },
      { flags: '--duration', value: 'time', summary: 'end after this time (5s, 500ms, 2m)', kind: 'duration' },
      { flags: '--count', value: 'n', summary: 'end after so many events', kind: 'integer' },
      { flags: '-i, --interface', value: 'name', summary: 'network interface, for XDP programs' },
      { flags: '--program', value: 'name', summary: 'load only this program', many: true },
      { flags: '--set', value: 'name=number', summary: 'first value of a global variable', many: true },
      output,
      ...compiling,
    ],
    examples: [
      { line: 'skep run examples/opens.bpf.c -- ls /etc', does: 'which files a command opens' },
      {
        line: 'skep run examples/opens.bpf.c --home vm',
        does: 'the same in the virtual machine, over the recording that lies beside',
      },
      { line: 'skep run examples/exits.bpf.c --duration 10s -o jsonl', does: 'ten seconds of events as JSON lines' },
    ],
    load: () => import('./run.ts'),
  },
  {
    name: 'build',
    summary: 'Compile C to an ELF object that any loader takes',
    argument: { name: 'files', summary: 'C sources', required: true, many: true },
    options: [
      { flags: '-o, --output', value: 'file', summary: 'the object (default: the source with .o for .c; - is stdout)' },
      {
        flags: '--emit',
        value: 'what',
        summary: 'what to write',
        choices: ['ast', 'ir', 'asm', 'obj'],
        fallback: 'obj',
      },
      { flags: '--timings', summary: 'say how long each stage took' },
      ...compiling,
    ],
    examples: [
      {
        line: 'skep build examples/opens.bpf.c -o opens.bpf.o',
        does: 'code, BTF, line information, CO-RE relocations',
      },
      { line: 'skep build examples/xdp_drop.bpf.c --emit asm -o -', does: 'the instructions, with their source lines' },
    ],
    load: () => import('./build.ts'),
  },
  {
    name: 'disasm',
    summary: 'Show the instructions of an object, with source lines',
    argument: { name: 'file', summary: 'ELF object or C source', required: true },
    options: [
      { flags: '--program', value: 'name', summary: 'only this program', many: true },
      { ...output, summary: 'table (text) or json' },
      ...compiling,
    ],
    examples: [{ line: 'skep disasm examples/xdp_count.bpf.c', does: "in the kernel's own syntax" }],
    load: () => import('./disasm.ts'),
  },
  {
    name: 'test-run',
    summary: 'Run a program once, or many times, on a packet or context of yours',
    argument: { name: 'file', summary: 'C source or ELF object', required: true },
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
    name: 'doctor',
    summary: 'Say what this machine allows, and what to do about what it does not',
    options: [{ ...output, summary: 'table or json' }],
    examples: [{ line: 'skep doctor', does: 'kernel, permission, BTF, features' }],
    load: () => import('./doctor.ts'),
  },
];

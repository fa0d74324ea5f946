import { EXIT, SkepError } from '@skep/base';
import { notForBpf, notLlvm } from './diagnostics.ts';

/**
 * The command line of a command that compiles, with clang's way of writing options put into the table's: `-mcpu=v3`,
 * `-MD`, `-isystem dir`, `-O3`. What means nothing here, because skep always does it or never could, is left out:
 * `-target bpf`, `-g`, `-c`, `-Wall`, `-fno-…`. So a Makefile can say `CLANG = skep build`.
 */
export function fromClang(argv: readonly string[]): string[] {
  const out: string[] = [];
  /** System directories come behind those of `-I`. */
  const system: string[] = [];
  const queue = [...argv];
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    const value = (prefix: string) =>
      arg === prefix ? (queue.shift() ?? '') : arg!.slice(prefix.length).replace(/^=/, '');
    const rename = RENAMED[arg];
    if (TAKES_VALUE.has(arg)) out.push(arg, ...queue.splice(0, 1));
    else if (rename !== undefined) out.push(...rename);
    else if (arg.startsWith('-Wp,')) queue.unshift(...preprocessorOptions(arg.slice(4)));
    else if (arg.startsWith('-mcpu=')) out.push(...cpu(arg.slice(6)));
    else if (/^-O.+/.test(arg)) out.push('--optimise', level(arg.slice(2)));
    else if (/^--?target(=|$)/.test(arg)) checkTarget(value(arg.startsWith('--') ? '--target' : '-target'));
    else if (/^-M[FTQ]/.test(arg))
      out.push(arg.startsWith('-MF') ? '--depfile' : '--deptarget', value(arg.slice(0, 3)));
    else if (arg === '-include') out.push('--preinclude', value(arg));
    else if (/^-(isystem|idirafter)/.test(arg)) system.push('--isystem', value(/^-(isystem|idirafter)/.exec(arg)![0]));
    else if (arg.startsWith('-iquote')) out.push('-I', value('-iquote'));
    else if (/^-W(?!p,|error$)./.test(arg)) out.push('--warn', arg.slice(2));
    else if (arg === '-emit-llvm') throw new SkepError(notLlvm(), EXIT.usage);
    else if (DROPPED_WITH_VALUE.has(arg)) queue.shift();
    else if (!DROPPED.some((one) => one.test(arg!))) out.push(arg);
  }
  return [...out, ...system];
}

/** What C23 has without a header, and what older C does not. */
const C23 = ['bool=_Bool', 'true=1', 'false=0', 'nullptr=((void*)0)']
  .concat(['static_assert=_Static_assert', 'alignas=_Alignas', 'alignof=_Alignof', 'constexpr=const'])
  .flatMap((one) => ['--define', one]);

const RENAMED: Readonly<Record<string, readonly string[]>> = {
  '-std=c23': C23,
  '-std=c2x': C23,
  '-std=gnu23': C23,
  '-std=gnu2x': C23,
  '-M': ['--deps'],
  '-MM': ['--deps', '--no-system-deps'],
  '-MD': ['--write-deps'],
  '-MMD': ['--write-deps', '--no-system-deps'],
  '-MP': ['--phony-deps'],
  '-E': ['--emit', 'c'],
  '-S': ['--emit', 'asm'],
  '-Werror': ['--werror'],
  '-w': ['--no-warnings'],
};

/** Options of ours whose value may look like an option of clang's. */
const TAKES_VALUE: ReadonlySet<string> = new Set([
  '-I',
  '-D',
  '-U',
  '-o',
  '--include',
  '--isystem',
  '--define',
  '--undefine',
  '--output',
]);

const DROPPED_WITH_VALUE: ReadonlySet<string> = new Set([
  '-x',
  '-Xclang',
  '-mllvm',
  '-isysroot',
  '-resource-dir',
  '-arch',
  '-working-directory',
]);

const DROPPED: readonly RegExp[] = [
  /^-c$/,
  /^-g(\d|gdb.*|dwarf.*|btf|line-tables-only|split-dwarf|no-.*)?$/,
  /^-pedantic/,
  /^-f/,
  /^-m(?!cpu)/,
  /^-std=/,
  /^-nostd(inc|lib)$/,
  /^-(pipe|v|P|pthread|undef|MG|save-temps.*|Qunused-arguments|ansi)$/,
  /^--?sysroot=/,
  /^-resource-dir=/,
];

/** `-Wp,-MMD,file`, as the kernel's makefiles write it: the file belongs to the option before. */
function preprocessorOptions(text: string): string[] {
  const parts = text.split(',');
  const [first, second] = parts;
  const isDeps = (first === '-MD' || first === '-MMD') && second !== undefined && !second.startsWith('-');
  return isDeps ? [first, '-MF', ...parts.slice(1)] : parts;
}

/** `generic` and `probe` leave the choice to the compiler: skep's is the default. */
function cpu(name: string): string[] {
  return name === 'generic' || name === 'probe' ? [] : ['--cpu', name];
}

/** clang has more names than levels that differ for BPF. */
function level(name: string): string {
  return { '3': '2', z: 's', fast: '2', '4': '2', g: '1' }[name] ?? name;
}

function checkTarget(name: string): void {
  if (!/^bpf(el)?(-|$)/.test(name)) throw new SkepError(notForBpf(name), EXIT.usage);
}

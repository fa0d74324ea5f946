import { suggest } from '@skep/base';
import { readText } from './sys/files.ts';
import { tracefsRoot } from './tracefs.ts';

/** One line of /proc/kallsyms. */
export interface KernelSymbol {
  readonly name: string;
  /** 0 when it is hidden from this process (kernel.kptr_restrict). */
  readonly address: bigint;
  /** As nm(1) has it: `T` and `t` are functions. */
  readonly type: string;
  /** Of a module; undefined for the kernel itself. */
  readonly module: string | undefined;
}

/** All places of a name; most have one, some static functions several. Reads without building an index: some 10 ms. */
export function findKernelSymbols(name: string): KernelSymbol[] {
  const found: KernelSymbol[] = [];
  const text = kallsyms();
  for (let at = text.indexOf(` ${name}`); at >= 0; at = text.indexOf(` ${name}`, at + 1)) {
    const after = text.charCodeAt(at + 1 + name.length);
    if (after !== NEWLINE && after !== TAB) continue;
    const start = text.lastIndexOf('\n', at) + 1;
    const end = text.indexOf('\n', at + 1);
    const match = LINE.exec(text.slice(start, end < 0 ? text.length : end));
    if (match?.[3] === name) {
      found.push({ name, address: BigInt(`0x${match[1]}`), type: match[2]!, module: match[4] });
    }
  }
  return found;
}

/**
 * Names of functions that can be probed and match a pattern of `*` and `?`, sorted. From tracefs where it is there,
 * since it lists only what can be traced; else all functions of the kernel.
 */
export function kernelFunctions(pattern: string): string[] {
  const matches = pattern === '*' ? undefined : wildcard(pattern);
  const root = tracefsRoot();
  const traceable = root === undefined ? undefined : readText(`${root}/available_filter_functions`);
  const names = traceable
    ? firstWords(traceable)
    : kallsyms()
        .split('\n')
        .map((line) => LINE.exec(line))
        .filter((match) => match !== null && /^[tTwW]$/.test(match[2]!))
        .map((match) => match![3]!);
  return [...new Set(matches ? names.filter((name) => matches.test(name)) : names)].sort();
}

/** What stands in front of the first blank of each line. */
function firstWords(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    let stop = at;
    while (stop < end && text.charCodeAt(stop) > SPACE) stop++;
    if (stop > at) found.push(text.slice(at, stop));
    at = end + 1;
  }
  return found;
}

/** The nearest name of a function, for messages. */
export function nearestKernelFunction(name: string): string | undefined {
  const start = name.slice(0, 2);
  return suggest(
    name,
    kallsyms()
      .split('\n')
      .map((line) => LINE.exec(line)?.[3] ?? '')
      .filter((one) => one.startsWith(start)),
  );
}

/** `tcp_*`, `do_?yscall` as an expression for whole names. */
export function wildcard(pattern: string): RegExp {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${escaped}$`);
}

const LINE = /^([0-9a-f]+) (\S) (\S+)(?:\t\[(\S+)\])?$/;
const NEWLINE = 10;
const TAB = 9;
const SPACE = 32;

/** Not kept: modules come and go, and it is ten megabytes. */
function kallsyms(): string {
  return readText('/proc/kallsyms') ?? '';
}

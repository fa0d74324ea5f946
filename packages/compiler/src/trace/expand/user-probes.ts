import { SkepError, type Span, suggest } from '@skep/base';
import { demangle, demangledName } from '@skep/object';
import { badBoundary, badProbe, noBinary, noMatch } from '../diagnostics.ts';
import type { Probe } from '../probe.ts';
import type { TraceExecutable } from '../target.ts';
import type { AttachPoint, Expansion } from './attach-point.ts';
import { filter, globTest, isPattern, readable } from './match.ts';

export function userProbes(kind: 'uprobe' | 'uretprobe', point: AttachPoint): Probe[] {
  const { rest, text, span, target, how } = point;
  if (rest.length < 2 || rest[0] === '' || rest.at(-1) === '')
    throw new SkepError(
      badProbe(
        `${kind} probe type requires 2 or 3 arguments, found ${rest.filter((one) => one !== '').length}`,
        span,
        `write ${kind}:BINARY:FUNCTION`,
      ),
    );
  const line = /^(.+)@([^@:]+)$/.exec(rest[0]!);
  if (line && rest.length === 2 && /^\d+$/.test(rest[1]!))
    return sourceProbes(kind, line[1]!, line[2]!, Number(rest[1]), point);
  const [binary = '', ...more] = rest;
  const cpp = more[0] === 'cpp';
  const [, name = '', offset] = /^(.+?)(?:\+(\w+))?$/.exec(cpp ? more.slice(1).join(':') : more.join(':'))!;
  const found: Probe[] = [];
  for (const path of binaries(binary, point)) {
    const executable = target.executable?.(path);
    if (executable === undefined) continue;
    const shown = isPattern(binary) ? path : binary;
    const made = (one: string): Probe => ({
      kind,
      binary: executable.path,
      function: one,
      offset: offset ? BigInt(offset) : 0n,
      name: `${kind}:${shown}:${one}${offset ? `+${offset}` : ''}`,
    });
    if (/^(0x[0-9a-fA-F]+|\d+)$/.test(name))
      found.push({ ...made(name), place: fileOffset(executable, BigInt(name), shown, span) } as Probe);
    else if (cpp || isPattern(name)) {
      const all = executable.functions();
      const functions = cpp ? named(name, all) : filter(name, all);
      if (functions.length > 1 && how.multi?.uprobe && offset === undefined)
        found.push({ ...made(name), functions } as Probe);
      else found.push(...functions.map(made));
    } else {
      const symbol = executable.symbol(name);
      if (symbol === undefined) continue;
      boundaries(name, offset ? BigInt(offset) : 0n, symbol.size, span, how);
      found.push(made(name));
    }
  }
  if (found.length === 0) {
    const first = target.executable?.(binary);
    throw new SkepError(noMatch(readable(text), span, first && suggest(name, first.functions())));
  }
  return found;
}

/** Functions that C++ calls so: without what they take, all that differ in that; with it, one. */
function named(name: string, symbols: readonly string[]): readonly string[] {
  const test = globTest(name);
  const whole = name.includes('(') ? demangle : demangledName;
  return symbols.filter((one) => {
    const own = one.startsWith('_Z') ? whole(one) : undefined;
    return own !== undefined && test.test(own);
  });
}

/** A probe in the middle of an instruction would break the program. */
function boundaries(name: string, offset: bigint, size: number, span: Span, how: Expansion): void {
  if (size === 0 && offset === 0n) {
    if (!how.unsafe)
      throw new SkepError(
        badBoundary(
          `Could not determine boundary for ${name} (symbol has size 0).`,
          span,
          'run with --unsafe to attach to it all the same',
        ),
      );
  } else if (offset >= BigInt(size))
    throw new SkepError(
      badBoundary(`Offset outside the function bounds ('${name}' size is ${size})`, span, 'give a smaller offset'),
    );
}

function fileOffset(executable: TraceExecutable, address: bigint, shown: string, span: Span): bigint {
  if (executable.offsetOf === undefined) return address;
  const offset = executable.offsetOf(address);
  if (offset === undefined)
    throw new SkepError(
      badBoundary(
        `Could not resolve address: ${shown}:0x${address.toString(16)}`,
        span,
        'give an address of code, as `nm` shows it',
      ),
    );
  return offset;
}

/** `BINARY@FILE:LINE`: where the code of a line of the source begins. */
function sourceProbes(
  kind: 'uprobe' | 'uretprobe',
  binary: string,
  file: string,
  line: number,
  point: AttachPoint,
): Probe[] {
  const { text, span, target } = point;
  const found: Probe[] = [];
  for (const path of binaries(binary, point)) {
    const executable = target.executable?.(path);
    const debug = executable?.debug?.();
    if (executable && debug === undefined && !isPattern(binary))
      throw new SkepError(
        badProbe(`${binary} has no debug information, which tells where lines are`, span, 'build it with -g'),
      );
    const [address] = debug?.addressesOfLine(file, line) ?? [];
    if (executable === undefined || address === undefined) continue;
    const shown = isPattern(binary) ? path : binary;
    found.push({
      kind,
      binary: executable.path,
      function: `0x${address.toString(16)}`,
      offset: 0n,
      place: fileOffset(executable, BigInt(address), shown, span),
      name: `${kind}:${shown}@${file}:${line}`,
    });
  }
  if (found.length === 0) throw new SkepError(noMatch(readable(text), span));
  return found;
}

export function staticProbes(point: AttachPoint): Probe[] {
  const { rest, text, span, target } = point;
  if (rest.length < 2 || rest.at(-1) === '')
    throw new SkepError(
      badProbe('usdt probe must have a target function or wildcard', span, 'write usdt:BINARY:PROVIDER:NAME'),
    );
  const [binary = '', ...more] = rest;
  const wanted = more.length === 1 ? `*:${more[0]}` : `${more[0] || '*'}:${more.slice(1).join(':')}`;
  const found: Probe[] = [];
  for (const path of binaries(binary, point)) {
    const executable = target.executable?.(path);
    for (const one of new Set(filter(wanted, executable?.probes() ?? []))) {
      const [provider = '', event = ''] = one.split(':');
      found.push({
        kind: 'usdt',
        binary: executable!.path,
        provider,
        event,
        name: `usdt:${/[*?]/.test(binary) || binary === '' ? path : binary}:${one}`,
      });
    }
  }
  if (found.length === 0) throw new SkepError(noMatch(readable(text), span));
  return found;
}

function binaries(pattern: string, { text, span, target }: AttachPoint): readonly string[] {
  // Without a name: those of the process that is traced.
  if (/[*?]/.test(pattern) || pattern === '') return target.executables?.(pattern || '*') ?? [];
  if (target.executable?.(pattern) === undefined)
    throw new SkepError(
      noBinary(
        `uprobe target file '${pattern}' does not exist or is not executable`,
        span,
        `${text}: name the binary with its path`,
      ),
    );
  return [pattern];
}

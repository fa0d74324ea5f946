import { PT_REGS } from '@skep/abi';
import type { Checker } from '../check.ts';
import { badCall, notHere, refusedProbe } from '../diagnostics.ts';
import { storeScalar, storeText } from '../emit/bytes.ts';
import { cType, plus } from '../emit/c-text.ts';
import { readMemory } from '../emit/places.ts';
import type { Emitter } from '../emit.ts';
import type { Probe } from '../probe.ts';
import { int, NONE, pointer, sizeOf, special, string, UINT64 } from '../type.ts';
import { parseUsdtArguments, type UsdtArgument } from '../usdt.ts';
import type { Call, FunctionSpec } from './spec.ts';

/** What the probe gives: arguments, registers, results, its name. */
export const PROBE: readonly FunctionSpec[] = [
  {
    names: ['args'],
    arity: [0, 0],
    signature: 'args',
    summary: 'the arguments by name: `args.filename`',
    check(checker, call) {
      const { args } = checker.unit.context;
      if (args) return args;
      return checker.report(
        notHere('The args builtin', checker.unit.probe.kind, call.span, insteadOf(checker.unit.probe.kind)),
      );
    },
    emit(e, call, dest) {
      const { shape, args } = e.unit.context;
      if (shape === 'record' || shape === 'slots')
        readMemory(e, 'kernel', dest!, sizeOf(args!), e.context(), call.span);
      else for (const [i, field] of args!.fields().entries()) argumentInto(e, i, plus(dest!, field.offset), call);
      return dest;
    },
  },
  {
    names: ['ctx'],
    arity: [0, 0],
    signature: 'ctx',
    summary: 'the context of the program; for iterators, what is walked',
    check(checker) {
      const { context } = checker.unit;
      return context.shape === 'iterator' && context.args ? context.args : pointer(NONE, 'kernel');
    },
    emit: (e) => `(u64)${e.context()}`,
  },
  {
    names: ['arg0', 'sarg0'],
    arity: [0, 0],
    signature: 'arg0 … argN, sarg0 … sargN',
    summary: 'an argument by its number, from registers; `sarg` from the stack',
    check(checker, call) {
      const { kind } = checker.unit.probe;
      const { shape } = checker.unit.context;
      const match = /^(s?)arg(\d+)$/.exec(call.name)!;
      if (kind === 'usdt') {
        const found = usdtPlaces(checker).map((one) => one[Number(match[2])]);
        if (found.length === 0 || found.includes(undefined))
          return checker.report(
            badCall(
              `couldn't get argument ${match[2]} for ${checker.unit.probe.name}`,
              call.span,
              'the probe has fewer arguments, or they lie where skep does not look',
            ),
          );
        if (
          new Set(
            found.map((one) => JSON.stringify(one, (_, value) => (typeof value === 'bigint' ? String(value) : value))),
          ).size > 1
        )
          return checker.report(
            refusedProbe(
              `argument ${match[2]} of ${checker.unit.probe.name} is elsewhere at every place of the probe, which is not supported`,
              call.span,
              'build the program so that the probe is at one place',
            ),
          );
        return UINT64;
      }
      if (shape === 'slots' && kind === 'rawtracepoint') return UINT64;
      if (kind !== 'kprobe' && kind !== 'uprobe')
        return checker.report(notHere(`The ${call.name} builtin`, kind, call.span, insteadOf(kind)));
      if (match[1] === '' && Number(match[2]) >= PT_REGS.x86_64.args.length)
        return checker.report(
          badCall(`x86_64 doesn't support ${call.name}`, call.span, `further arguments are on the stack: sarg0`),
        );
      return UINT64;
    },
    emit(e, call) {
      const [, stack, index] = /^(s?)arg(\d+)$/.exec(call.name)!;
      const { context } = e.unit;
      if (context.shape === 'usdt') return usdtArgument(e, Number(index), call);
      if (context.shape === 'slots') return e.keep(UINT64, `((u64 *)${e.context()})[${index}]`);
      if (stack === '') return register(e, PT_REGS.x86_64.args[Number(index)]!);
      const value = e.keep(UINT64, '0');
      readMemory(e, context.space, `&${value}`, 8, `${register(e, 'sp')} + ${8 + 8 * Number(index)}`, call.span);
      return value;
    },
  },
  {
    names: ['retval', '__builtin_retval'],
    arity: [0, 0],
    signature: 'retval',
    summary: 'the result of the function, where it returns',
    check(checker, call) {
      const { retval } = checker.unit.context;
      return (
        retval ??
        checker.report(
          notHere('The retval builtin', checker.unit.probe.kind, call.span, 'use kretprobe, uretprobe or fexit'),
        )
      );
    },
    emit(e, call) {
      const { context } = e.unit;
      if (context.shape === 'registers') return register(e, 'ax');
      const args = context.args!;
      const slot = args.fields().length === 0 ? 0 : args.size / 8;
      return e.keep(call.type!, `((u64 *)${e.context()})[${slot}]`);
    },
  },
  {
    names: ['reg'],
    arity: [1, 1],
    signature: 'reg("ip")',
    summary: 'a register, by its name',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      const name = checker.textOf(call.args[0]!);
      if (name === undefined) return undefined;
      if (checker.unit.context.shape !== 'registers' && checker.unit.context.shape !== 'usdt')
        return checker.report(notHere('reg()', checker.unit.probe.kind, call.span));
      if (!(registerName(name) in PT_REGS.x86_64.offsets))
        return checker.report(
          badCall(
            `'${name}' is not a valid register on this architecture (x86_64)`,
            call.span,
            `there are ${Object.keys(PT_REGS.x86_64.offsets).join(', ')}`,
          ),
        );
      return UINT64;
    },
    emit: (e, call) => register(e, registerName(e.checker.textOf(call.args[0]!)!)),
  },
  {
    names: ['func', '__builtin_func'],
    arity: [0, 0],
    signature: 'func',
    summary: 'the function that is traced',
    check(checker, call) {
      const { kind } = checker.unit.probe;
      if (kind === 'uprobe' || kind === 'uretprobe') return special('usym');
      if (kind === 'kprobe' || kind === 'kretprobe' || kind === 'fentry' || kind === 'fexit') return special('ksym');
      return checker.report(notHere('The func builtin', kind, call.span));
    },
    emit(e, _call, dest) {
      const { kind } = e.unit.probe;
      if (kind === 'uprobe') e.emit(`  *(u64 *)(${dest}) = ${register(e, 'ip')};`);
      else e.emit(`  *(u64 *)(${dest}) = bpf_get_func_ip(${e.context()});`);
      if (kind === 'uprobe' || kind === 'uretprobe') {
        e.emit(`  *(u32 *)(${dest} + 8) = ${e.task()} >> 32;`);
        e.emit(`  *(u32 *)(${dest} + 12) = ${nameOfProbed(e)};`);
      }
      return dest;
    },
  },
  {
    names: ['probe', '__builtin_probe'],
    arity: [0, 0],
    signature: 'probe',
    summary: 'the name of the probe',
    check: (checker) => string(checker.unit.probe.name.length + 1),
    text: (checker) => checker.unit.probe.name,
    emit(e, call, dest) {
      storeText(e, dest!, sizeOf(call.type!), e.unit.probe.name);
      return dest;
    },
  },
  {
    names: ['probetype', '__builtin_probetype'],
    arity: [0, 0],
    signature: 'probetype',
    summary: 'the kind of the probe; `special` for begin, end and their like',
    check: (checker) => string(kindName(checker.unit.probe.kind).length + 1),
    text: (checker) => kindName(checker.unit.probe.kind),
    emit(e, call, dest) {
      storeText(e, dest!, sizeOf(call.type!), kindName(e.unit.probe.kind));
      return dest;
    },
  },
  {
    names: ['usermode', '__builtin_usermode'],
    arity: [0, 0],
    signature: 'usermode',
    summary: 'whether the processor ran a process, not the kernel',
    check: () => int(1, false),
    emit(e) {
      const { context, probe } = e.unit;
      if (
        context.shape === 'registers' &&
        (probe.kind === 'profile' ||
          probe.kind === 'software' ||
          probe.kind === 'hardware' ||
          probe.kind === 'watchpoint')
      )
        return e.keep(int(1, false), `(${register(e, 'cs')} & 3) == 3`);
      return context.user ? '1' : '0';
    },
  },
];

/** A parameter of the function that is entered, as whole registers or from the stack. */
function argumentInto(e: Emitter, index: number, dest: string, call: Call): void {
  const { args, places } = e.unit.context;
  const place = places![index]!;
  if (place.kind === 'stack')
    readMemory(
      e,
      'user',
      dest,
      sizeOf(args!.fields()[index]!.type),
      `${register(e, 'sp')} + ${place.offset}`,
      call.span,
    );
  else
    for (let i = 0; i < place.count; i++)
      storeScalar(e, plus(dest, 8 * i), UINT64, register(e, PT_REGS.x86_64.args[place.first + i]!));
}

/** The arguments at each place that a static probe was compiled to. */
function usdtPlaces(checker: Checker): (UsdtArgument | undefined)[][] {
  const { probe } = checker.unit;
  if (probe.kind !== 'usdt') return [];
  const texts = checker.options.target.executable?.(probe.binary)?.probeArguments?.(probe.provider, probe.event) ?? [];
  return texts.map(parseUsdtArguments);
}

/** The number of the name of the function that is traced; 0 where it may be any of several. */
function nameOfProbed(e: Emitter): number {
  const { probe } = e.unit;
  const known = probe.kind === 'uprobe' || probe.kind === 'uretprobe';
  if (
    !known ||
    probe.functions !== undefined ||
    probe.place !== undefined ||
    !/^(?!_Z)[A-Za-z_]\w*$/.test(probe.function)
  )
    return 0;
  e.out.functions.add(probe.function);
  return [...e.out.functions].indexOf(probe.function) + 1;
}

function usdtArgument(e: Emitter, index: number, call: Call): string {
  const found = usdtPlaces(e.checker)[0]![index]!;
  const type = int(found.size, found.signed);
  const own = cType(type);
  const slot = (offset: number) => `*(u64 *)((char *)${e.context()} + ${offset})`;
  if (found.kind === 'constant') return e.keep(UINT64, `(u64)(s64)(${own})${found.value}LL`);
  if (found.kind === 'register') return e.keep(UINT64, `(u64)(s64)(${own})${slot(found.offset)}`);
  const second = found.index === undefined ? '' : ` + ${slot(found.index)} * ${found.scale}`;
  const address = e.keep(UINT64, `${slot(found.base)}${second} + (u64)(${found.displacement}LL)`);
  const value = e.keep(type, '0');
  readMemory(e, 'user', `&${value}`, found.size, address, call.span);
  return e.keep(UINT64, `(u64)(s64)${value}`);
}

/** Where arguments are, for who looked for them in the wrong place. */
function insteadOf(kind: Probe['kind']): string {
  if (kind === 'kprobe' || kind === 'uprobe' || kind === 'usdt') return 'use arg0, arg1 …';
  if (kind === 'kretprobe' || kind === 'uretprobe')
    return `arguments are known at the entry: keep them, \`${kind.replace('ret', '')}:… { @arg[tid] = arg0; }\``;
  if (kind === 'iter') return 'what is walked is in ctx';
  if (kind === 'tracepoint' || kind === 'rawtracepoint' || kind === 'fentry' || kind === 'fexit')
    return 'use args.NAME';
  return 'only functions and tracepoints have arguments';
}

function kindName(kind: string): string {
  return kind === 'begin' || kind === 'end' || kind === 'self' || kind === 'test' || kind === 'bench'
    ? 'special'
    : kind;
}

/** The program counter has a name that is the same on all machines. */
function registerName(name: string): string {
  return name === 'pc' ? 'ip' : name;
}

/** A register of the program that was interrupted, as the probe found it. */
export function register(e: Emitter, name: string): string {
  return e.keep(UINT64, `*(u64 *)((char *)${e.context()} + ${PT_REGS.x86_64.offsets[name]})`);
}

import { D_PATH_FUNCTIONS } from '@skep/abi';
import { cName } from '../context.ts';
import { badCall, notFound, notHere, refusedProbe } from '../diagnostics.ts';
import { storeScalar, zero } from '../emit/bytes.ts';
import { addressOfPlace, readMemory } from '../emit/places.ts';
import type { Emitter } from '../emit.ts';
import { MAX_STACK_DEPTH, stackMapName } from '../model.ts';
import type { Probe } from '../probe.ts';
import type { TraceExecutable } from '../target.ts';
import { asNumber, BOOL, int, pointer, sizeOf, special, string, UINT64 } from '../type.ts';
import { register } from './probe.ts';
import type { FunctionSpec } from './spec.ts';

/** Stacks, addresses and what they mean. */
export const SYMBOLS: readonly FunctionSpec[] = [
  stack('kstack'),
  stack('ustack'),
  {
    names: ['ksym'],
    arity: [1, 1],
    signature: 'ksym(address)',
    summary: 'an address of the kernel, printed as a name',
    onlyCalled: true,
    check: (checker, call) => checker.rvalue(call.args[0]!) && special('ksym'),
    emit(e, call, dest) {
      storeScalar(e, dest!, UINT64, `(u64)(${e.value(call.args[0]!)})`);
      return dest;
    },
  },
  {
    names: ['usym'],
    arity: [1, 1],
    signature: 'usym(address)',
    summary: 'an address of the process, printed as a name',
    onlyCalled: true,
    check: (checker, call) => checker.rvalue(call.args[0]!) && special('usym'),
    emit(e, call, dest) {
      storeScalar(e, dest!, UINT64, `(u64)(${e.value(call.args[0]!)})`);
      e.emit(`  *(u64 *)(${dest} + 8) = ${e.task()} >> 32;`);
      return dest;
    },
  },
  {
    names: ['kaddr'],
    arity: [1, 1],
    signature: 'kaddr("symbol")',
    summary: 'where a symbol of the kernel lies',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      const name = checker.textOf(call.args[0]!);
      if (name === undefined) return undefined;
      if (checker.final && checker.options.target.kernelSymbol?.(name) === undefined)
        return checker.report(
          notFound(
            `Failed to resolve kernel symbol: ${name}`,
            call.span,
            '/proc/kallsyms lists them; their addresses are shown to root',
          ),
        );
      return UINT64;
    },
    emit: (e, call) => `${e.checker.options.target.kernelSymbol!(e.checker.textOf(call.args[0]!)!)}ULL`,
  },
  {
    names: ['percpu_kaddr'],
    arity: [1, 2],
    signature: 'percpu_kaddr("symbol" [, cpu])',
    summary: "where a processor's own variable of the kernel lies",
    onlyCalled: true,
    check(checker, call) {
      for (const arg of call.args) checker.rvalue(arg);
      const name = checker.textOf(call.args[0]!);
      if (name === undefined) return undefined;
      const btf = checker.options.target.btf?.();
      const id = btf?.find(name, 'var');
      if (id === undefined)
        return checker.report(
          notFound(
            `Could not resolve variable "${name}" from BTF`,
            call.span,
            'only variables that BTF knows can be found',
          ),
        );
      return UINT64;
    },
    emit(e, call) {
      const name = e.checker.textOf(call.args[0]!)!;
      e.out.externs.set(name, variableType(e, name));
      e.out.vmlinux = true;
      if (call.args[1]) return e.keep(UINT64, `(u64)bpf_per_cpu_ptr(&${name}, (u32)(${e.value(call.args[1])}))`);
      return e.keep(UINT64, `(u64)bpf_this_cpu_ptr(&${name})`);
    },
  },
  {
    names: ['uaddr'],
    arity: [1, 1],
    signature: 'uaddr("symbol")',
    summary: 'where a symbol of the traced program lies',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      const name = checker.textOf(call.args[0]!);
      const { probe } = checker.unit;
      if (probe.kind !== 'uprobe' && probe.kind !== 'uretprobe' && probe.kind !== 'usdt')
        return checker.report(notHere('uaddr()', probe.kind, call.span));
      if (name === undefined) return undefined;
      const executable = checker.options.target.executable?.(probe.binary);
      const symbol = executable?.symbol(name);
      if (!symbol)
        return checker.report(
          notFound(
            `Could not resolve symbol: ${probe.binary}:${name}`,
            call.span,
            '`nm` lists the symbols of a binary',
          ),
        );
      if (!executable!.fixed && addressOfProbe(probe, executable!) === undefined)
        return checker.report(
          refusedProbe(
            'uaddr() in static probes of a position-independent program is not supported',
            call.span,
            'use it in a uprobe, or link the program with -no-pie',
          ),
        );
      const size = [1, 2, 4, 8].includes(symbol.size) ? symbol.size : 8;
      return pointer(int(size, false), 'user');
    },
    emit(e, call) {
      const { probe } = e.unit;
      const executable = e.checker.options.target.executable!('binary' in probe ? probe.binary : '')!;
      const { address } = executable.symbol(e.checker.textOf(call.args[0]!)!)!;
      if (executable.fixed) return `${address}ULL`;
      // Where the probe is tells where the program was put.
      const here = probe.kind === 'uprobe' ? register(e, 'ip') : `bpf_get_func_ip(${e.context()})`;
      return e.keep(UINT64, `${here} + ${BigInt.asUintN(64, address - addressOfProbe(probe, executable)!)}ULL`);
    },
  },
  address('kptr', 'kernel'),
  address('uptr', 'user'),
  {
    names: ['path'],
    arity: [1, 2],
    signature: 'path(struct path * [, size])',
    summary: 'the path of a file (fentry, fexit and iterators that allow it)',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (call.args[1]) checker.rvalue(call.args[1]);
      const { probe } = checker.unit;
      if (probe.kind !== 'fentry' && probe.kind !== 'fexit' && probe.kind !== 'iter')
        return checker.report(notHere('path()', probe.kind, call.span, 'use fentry or iter:task_file'));
      if (probe.kind !== 'iter' && !D_PATH_FUNCTIONS.has(probe.function))
        return checker.report(
          badCall(
            'helper bpf_d_path not allowed in probe',
            call.span,
            `path() cannot be called where ${probe.function} is traced; the kernel allows it in ${[...D_PATH_FUNCTIONS].join(', ')}`,
          ),
        );
      if (!type) return undefined;
      if (type.kind !== 'struct' && type.kind !== 'pointer')
        return checker.report(badCall(`path() only supports pointer or record arguments`, call.span));
      const size = call.args[1] && checker.constant(call.args[1]);
      return string(size === undefined ? checker.options.config.max_strlen + 1 : Number(size));
    },
    emit(e, call, dest) {
      const [value] = call.args;
      const type = asNumber(value!.type!);
      const size = sizeOf(call.type!);
      zero(e, dest!, size);
      const at = type.kind === 'pointer' ? e.value(value!) : addressOfPlace(e, value!);
      e.emit(`  bpf_d_path((struct path *)(${at}), ${dest}, ${size});`);
      e.out.vmlinux = true;
      return dest;
    },
  },
  {
    names: ['socket_cookie'],
    arity: [1, 1],
    signature: 'socket_cookie(struct sock *)',
    summary: 'a number that stays with a socket',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      const { kind } = checker.unit.probe;
      if (kind !== 'fentry' && kind !== 'fexit' && kind !== 'rawtracepoint')
        return checker.report(notHere('socket_cookie()', kind, call.span));
      return UINT64;
    },
    emit(e, call) {
      const socket = e.value(call.args[0]!);
      if (e.unit.probe.kind !== 'rawtracepoint') return e.keep(UINT64, `bpf_get_socket_cookie((void *)${socket})`);
      // Raw tracepoints may not ask for it; where nobody did before, it is 0.
      e.out.vmlinux = true;
      const cookie = e.keep(UINT64, '0');
      readMemory(e, 'kernel', `&${cookie}`, 8, `&((struct sock *)${socket})->__sk_common.skc_cookie`, call.span);
      return cookie;
    },
  },
  {
    names: ['skboutput'],
    arity: [4, 4],
    signature: 'skboutput(file, skb, length, offset)',
    summary: 'not supported',
    onlyCalled: true,
    check: (checker, call) =>
      checker.report(
        refusedProbe(
          'skboutput() is not supported',
          call.span,
          'write packets with `skep run` and an XDP or tc program',
        ),
      ),
    emit: () => '0',
  },
  {
    names: ['is_err'],
    arity: [1, 1],
    signature: 'is_err(pointer)',
    summary: 'whether a pointer stands for an error',
    onlyCalled: true,
    check: (checker, call) => checker.rvalue(call.args[0]!) && BOOL,
    emit: (e, call) => e.keep(BOOL, `(u64)(${e.value(call.args[0]!)}) >= (u64)-4095`),
  },
];

/** Where the file says that a probe is; undefined when several places are meant. */
function addressOfProbe(probe: Probe, executable: TraceExecutable): bigint | undefined {
  if (probe.kind !== 'uprobe' && probe.kind !== 'uretprobe') return undefined;
  if (probe.functions !== undefined) return undefined;
  if (probe.place !== undefined) return BigInt(probe.function);
  const symbol = executable.symbol(probe.function);
  return symbol && symbol.address + (probe.kind === 'uprobe' ? probe.offset : 0n);
}

/** As C names the type of a variable of the kernel. */
function variableType(e: Emitter, name: string): string {
  const btf = e.checker.options.target.btf!()!;
  const variable = btf.type(btf.find(name, 'var')!);
  return variable.kind === 'var' ? cName(btf, variable.type) : 'int';
}

function address(name: 'kptr' | 'uptr', space: 'kernel' | 'user'): FunctionSpec {
  return {
    names: [name],
    arity: [1, 1],
    signature: `${name}(pointer)`,
    summary: `the same pointer, to memory of the ${space === 'kernel' ? 'kernel' : 'process'}`,
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (!type) return undefined;
      if (type.kind !== 'pointer' && type.kind !== 'int')
        return checker.report(badCall(`${name}() only supports pointer arguments (${type.kind} provided)`, call.span));
      return pointer(type.kind === 'pointer' ? type.to : UINT64, space);
    },
    emit: (e, call) => e.value(call.args[0]!),
  };
}

function stack(name: 'kstack' | 'ustack'): FunctionSpec {
  return {
    names: [name],
    arity: [0, 2],
    signature: `${name}([mode,] [limit])`,
    summary: `the stack of the ${name === 'kstack' ? 'kernel' : 'process'}; modes: bpftrace, perf, raw, build_id`,
    check(checker, call) {
      let mode = checker.options.config.stack_mode;
      let limit = MAX_STACK_DEPTH;
      for (const arg of call.args) {
        if (arg.kind === 'name' && ['bpftrace', 'perf', 'raw', 'build_id'].includes(arg.name)) mode = arg.name;
        else {
          checker.rvalue(arg);
          const value = checker.constant(arg);
          if (value === undefined)
            return checker.report(
              badCall(`Invalid stack mode for ${name}()`, arg.span, 'modes are bpftrace, perf, raw, build_id'),
            );
          if (value > BigInt(MAX_STACK_DEPTH) || value < 0n)
            return checker.report(
              badCall(`${name}([int limit]): limit shouldn't exceed ${MAX_STACK_DEPTH}, ${value} given`, call.span),
            );
          limit = Number(value);
        }
      }
      if (mode === 'build_id' && name === 'kstack')
        return checker.report(badCall('stack mode build_id is only available for ustack', call.span));
      return special(name, { mode, limit });
    },
    emit(e, call, dest) {
      const type = call.type as { limit?: number; mode?: string };
      const depth = Math.max(1, type.limit ?? MAX_STACK_DEPTH);
      const ids = type.mode === 'build_id';
      const map = ids ? 'skep_build_ids' : stackMapName(depth);
      if (ids) e.out.buildIds = true;
      else e.out.stackDepths.add(depth);
      const flags = name === 'ustack' ? '0x100' : '0';
      e.emit(`  *(s64 *)(${dest}) = bpf_get_stackid(${e.context()}, &${map}, ${flags});`);
      if (!ids) e.emit(`  if (*(s64 *)(${dest}) >= 0) *(u32 *)(${dest} + 4) = ${depth};`);
      // Stacks of the kernel are the same in all processes.
      e.emit(`  *(u32 *)(${dest} + 8) = ${name === 'ustack' ? `${e.task()} >> 32` : '0'};`);
      if (e.unit.measuresStacks) {
        const room = e.room(MAX_STACK_DEPTH * 8);
        const size = e.scratchVariable('s64', `bpf_get_stack(${e.context()}, ${room}, ${8 * depth}, ${flags})`);
        e.emit(`  *(u32 *)(${dest} + 12) = ${size} > 0 ? (u32)(${size} / 8) : 0;`);
      } else e.emit(`  *(u32 *)(${dest} + 12) = 0;`);
      return dest;
    },
  };
}

import { typeNamed } from '../check/written-types.ts';
import type { Checker } from '../check.ts';
import { badCall, badOption, notConstant, notSupported, unsafe } from '../diagnostics.ts';
import { storeScalar, storeText } from '../emit/bytes.ts';
import { literal } from '../emit/c-text.ts';
import { addressable } from '../emit/places.ts';
import { BOOL, literalType, NONE, pointer, showType, sizeOf, string, type TraceType, UINT64 } from '../type.ts';
import type { Call, FunctionSpec } from './spec.ts';

/** Questions about the script itself: its options, types and settings. */
export const META: readonly FunctionSpec[] = [
  {
    names: ['getopt'],
    arity: [1, 3],
    signature: 'getopt(name [, default [, summary]])',
    summary: 'an option of the script, given behind `--` as --name=value',
    onlyCalled: true,
    check(checker, call) {
      for (const arg of call.args) checker.rvalue(arg);
      const name = checker.textOf(call.args[0]!);
      if (name === undefined) return checker.report(notConstant('the name of an option', call.span));
      checker.namedOptions.set(name, { summary: call.args[2] && checker.textOf(call.args[2]) });
      const value = optionOf(checker, call);
      if (value === undefined)
        return checker.report(
          badOption(
            name,
            call.args[1] === undefined || call.args[1].kind === 'bool' ? 'bool' : 'integer',
            checker.options.named.get(name) ?? '',
          ),
        );
      return typeof value === 'string'
        ? string(value.length + 1)
        : typeof value === 'boolean'
          ? BOOL
          : literalType(value);
    },
    constant(checker, call) {
      const value = optionOf(checker, call);
      return typeof value === 'bigint' ? value : typeof value === 'boolean' ? (value ? 1n : 0n) : undefined;
    },
    text(checker, call) {
      const value = optionOf(checker, call);
      return typeof value === 'string' ? value : undefined;
    },
    emit(e, call, dest) {
      const value = optionOf(e.checker, call);
      if (typeof value === 'string') {
        storeText(e, dest!, sizeOf(call.type!), value);
        return dest;
      }
      return value === undefined ? '0' : literal(BigInt(value), call.type!);
    },
  },
  {
    names: ['config', '__builtin_config'],
    arity: [0, 0],
    signature: 'config',
    summary: 'the settings of the script, as a record',
    check(checker) {
      return {
        kind: 'record',
        fields: Object.entries(checker.options.config).map(([name, value]) => ({ name, type: settingType(value) })),
      };
    },
    emit(e, call, dest) {
      const type = call.type as TraceType & { kind: 'record' };
      let at = 0;
      for (const [i, value] of Object.values(e.checker.options.config).entries()) {
        const field = type.fields[i]!.type;
        const align = field.kind === 'int' ? 8 : 1;
        at = Math.ceil(at / align) * align;
        if (typeof value === 'string') storeText(e, at === 0 ? dest! : `(${dest} + ${at})`, sizeOf(field), value);
        else
          storeScalar(
            e,
            at === 0 ? dest! : `(${dest} + ${at})`,
            field,
            typeof value === 'boolean' ? (value ? '1' : '0') : String(value),
          );
        at += sizeOf(field);
      }
      return dest;
    },
  },
  question('is_str', 'whether something is a string', (type) => type.kind === 'string'),
  question('is_ptr', 'whether something is a pointer', (type) => type.kind === 'pointer'),
  question('is_array', 'whether something is an array', (type) => type.kind === 'array'),
  question('is_integer', 'whether something is an integer', (type) => type.kind === 'int'),
  question(
    'is_unsigned_integer',
    'whether something is an unsigned integer',
    (type) => type.kind === 'int' && !type.signed,
  ),
  {
    names: ['is_literal', '__builtin_is_literal'],
    arity: [1, 1],
    signature: 'is_literal(value)',
    summary: 'whether something is written as a literal',
    onlyCalled: true,
    check: (checker, call) => checker.rvalue(call.args[0]!) && BOOL,
    constant: (_checker, call) => (['int', 'string', 'bool'].includes(call.args[0]!.kind) ? 1n : 0n),
    emit: () => '0',
  },
  {
    names: ['assert_str'],
    arity: [1, 1],
    signature: 'assert_str(value)',
    summary: 'refuses the script when a value is no string',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (!type) return undefined;
      const character = (one: TraceType): boolean => one.kind === 'int' && one.size === 1;
      if (
        type.kind === 'string' ||
        (type.kind === 'array' && character(type.of)) ||
        (type.kind === 'pointer' && character(type.to))
      )
        return NONE;
      return checker.report(
        badCall(`assert_str() wants a string, not ${showType(type)}`, call.span, 'make one of it with str()'),
      );
    },
    emit: () => undefined,
  },
  {
    names: ['default_str_length'],
    arity: [0, 0],
    signature: 'default_str_length',
    summary: 'how long strings are whose length is not given: max_strlen',
    check: (checker) => literalType(BigInt(checker.options.config.max_strlen)),
    constant: (checker) => BigInt(checker.options.config.max_strlen),
    emit: (e, call) => literal(BigInt(e.checker.options.config.max_strlen), call.type!),
  },
  absent('dw_ustack', 'use ustack: it follows frame pointers; build the program with -fno-omit-frame-pointer'),
  absent(
    'unwatch',
    'a watchpoint stays until the script ends: let a map say that it is over, and ask it in a predicate',
  ),
  {
    names: ['static_assert'],
    arity: [2, 2],
    signature: 'static_assert(condition, message)',
    summary: 'refuses the script when a condition of literals does not hold',
    onlyCalled: true,
    check(checker, call) {
      for (const arg of call.args) checker.rvalue(arg);
      const value = checker.constant(call.args[0]!);
      if (value === 0n)
        return checker.report(badCall(checker.textOf(call.args[1]!) ?? 'static assertion failed', call.span));
      return NONE;
    },
    emit: () => undefined,
  },
  {
    names: ['kfunc_exist', 'kfunc_allowed'],
    arity: [1, 1],
    signature: 'kfunc_exist("name")',
    summary: 'whether the kernel has such a function for programs',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      return checker.textOf(call.args[0]!) === undefined
        ? checker.report(badCall(`${call.name}() accepts a string literal only`, call.span))
        : BOOL;
    },
    constant(checker, call) {
      const name = checker.textOf(call.args[0]!);
      return name !== undefined && checker.options.target.btf?.()?.find(name, 'func') !== undefined ? 1n : 0n;
    },
    emit: () => '0',
  },
  {
    names: ['container_of'],
    arity: [3, 3],
    signature: 'container_of(pointer, typeof(struct s), member)',
    summary: 'the struct whose member a pointer points to',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      const [, of, member] = call.args;
      const struct = of!.kind === 'typeof' ? typeNamed(checker, of!.of, true) : checker.visit(of!);
      if (!type || !struct) return undefined;
      if (
        member!.kind !== 'name' ||
        struct.kind !== 'struct' ||
        !struct.fields().some((one) => one.name === member!.name)
      )
        return checker.report(badCall('container_of() wants a struct and one of its members', call.span));
      return pointer(struct, type.kind === 'pointer' ? type.space : 'none');
    },
    emit(e, call) {
      const type = call.type as TraceType & { kind: 'pointer' };
      const member = call.args[2] as { name?: string };
      const field = type.to.kind === 'struct' ? type.to.fields().find((one) => one.name === member.name) : undefined;
      return e.keep(UINT64, `${e.value(call.args[0]!)} - ${field?.offset ?? 0}`);
    },
  },
  {
    names: ['write_user'],
    arity: [3, 3],
    signature: 'write_user(pointer, source, length)',
    summary: 'writes into the memory of the process',
    onlyCalled: true,
    discardable: true,
    check(checker, call) {
      for (const arg of call.args) checker.rvalue(arg);
      if (!checker.options.unsafe) return checker.report(unsafe('write_user', call.span));
      if (checker.constant(call.args[2]!) === undefined)
        return checker.report(notConstant('the length of write_user()', call.args[2]!.span));
      return BOOL;
    },
    emit(e, call) {
      const count = Math.min(Number(e.checker.constant(call.args[2]!)), sizeOf(call.args[1]!.type!));
      return e.keep(
        BOOL,
        `bpf_probe_write_user((void *)(${e.value(call.args[0]!)}), ${addressable(e, call.args[1]!)}, ${count}) == 0`,
      );
    },
  },
];

/** What the language has elsewhere. */
function absent(name: string, remedy: string): FunctionSpec {
  return {
    names: [name],
    arity: [0, 2],
    signature: name,
    summary: 'not supported',
    check: (checker, call) => checker.report(notSupported(`${name}()`, call.span, remedy)),
    emit: () => '0',
  };
}

function settingType(value: string | number | boolean): TraceType {
  return typeof value === 'string' ? string(value.length + 1) : typeof value === 'boolean' ? BOOL : UINT64;
}

function question(name: string, summary: string, test: (type: TraceType) => boolean): FunctionSpec {
  return {
    names: [name],
    arity: [1, 1],
    signature: `${name}(value)`,
    summary,
    onlyCalled: true,
    check: (checker, call) => checker.rvalue(call.args[0]!) && BOOL,
    constant(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      return type === undefined ? undefined : test(type) ? 1n : 0n;
    },
    emit: () => '0',
  };
}

function optionOf(checker: Checker, call: Call): string | bigint | boolean | undefined {
  const name = checker.textOf(call.args[0]!) ?? '';
  const given = checker.options.named.get(name);
  const [, standard] = call.args;
  if (standard === undefined || standard.kind === 'bool') {
    if (given === undefined) return standard !== undefined && standard.kind === 'bool' && standard.value;
    if (given === '' || given.toLowerCase() === 'true' || given === '1') return true;
    return given.toLowerCase() === 'false' || given === '0' ? false : undefined;
  }
  const text = checker.textOf(standard);
  if (text !== undefined) return given ?? text;
  if (given === undefined) return checker.constant(standard);
  if (!/^-?(0[xX][0-9a-fA-F]+|\d+)$/.test(given)) return undefined;
  return given.startsWith('-') ? -BigInt(given.slice(1)) : BigInt(given);
}

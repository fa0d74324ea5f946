import type { Expression } from '../ast.ts';
import type { Checker } from '../check.ts';
import { badCall, notConstant } from '../diagnostics.ts';
import { convert, copy, storeText, zero } from '../emit/bytes.ts';
import { plus } from '../emit/c-text.ts';
import { compareText } from '../emit/compare.ts';
import { addressable, readMemory, readString } from '../emit/places.ts';
import type { Emitter } from '../emit.ts';
import { ERRNO } from '../errno-texts.ts';
import { shown } from '../macros.ts';
import { SIGNALS, SYSCALLS } from '../names.ts';
import { asNumber, BOOL, INT64, int, NONE, sizeOf, special, string, type TraceType, UINT64 } from '../type.ts';
import type { Call, FunctionSpec } from './spec.ts';

/** Text, bytes and what is made of them. */
export const STRINGS: readonly FunctionSpec[] = [
  {
    names: ['str'],
    arity: [1, 2],
    signature: 'str(pointer [, length])',
    summary: 'the text that a pointer points to, at most max_strlen bytes',
    onlyCalled: true,
    check(checker, call) {
      const [value, length] = call.args;
      const text = parameterText(checker, value!);
      const type = text === undefined ? checker.rvalue(value!) : NONE;
      const size = length && checker.rvalue(length);
      if (size && size.kind !== 'int') return checker.report(badCall('str() expects an integer length', length!.span));
      if (text !== undefined) {
        const limit = length ? checker.constant(length) : undefined;
        return string(
          Math.min(text.length + 1, limit === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Number(limit))),
        );
      }
      if (!type) return undefined;
      const standard = checker.options.config.max_strlen + 1;
      if (type.kind === 'string')
        return length ? string(Math.max(1, Math.min(type.size, sizeFor(checker, length, type.size)))) : type;
      if (type.kind !== 'pointer' && type.kind !== 'int' && type.kind !== 'array')
        return checker.report(
          badCall(`str() expects an integer or a pointer type as first argument (${type.kind} provided)`, call.span),
        );
      return string(length ? Math.max(1, sizeFor(checker, length, standard)) : standard);
    },
    text(checker, call) {
      const text = parameterText(checker, call.args[0]!);
      if (text === undefined) return undefined;
      const limit = call.args[1] && checker.constant(call.args[1]);
      return limit === undefined ? text : text.slice(0, Math.max(0, Number(limit) - 1));
    },
    emit(e, call, dest) {
      const [value, length] = call.args;
      const { size } = call.type as { size: number };
      const type = asNumber(value!.type!);
      if (type.kind === 'string' || type.kind === 'array') {
        convert(e, dest!, string(size), e.ref(value!), type.kind === 'string' ? type : string(sizeOf(type)));
        return dest;
      }
      const space = type.kind === 'pointer' ? type.space : 'none';
      const address = e.value(value!);
      if (length && e.checker.constant(length) === undefined) {
        const wanted = e.keep(UINT64, `(u64)(${e.value(length)})`);
        e.emit(`  if (${wanted} > ${size}) ${wanted} = ${size};`);
        readString(e, space, dest!, `(u32)${wanted}`, address, size);
      } else readString(e, space, dest!, size, address);
      return dest;
    },
  },
  {
    names: ['buf'],
    arity: [1, 2],
    signature: 'buf(pointer [, length])',
    summary: 'bytes, printed with %r',
    onlyCalled: true,
    check(checker, call) {
      const [value, length] = call.args;
      const type = checker.rvalue(value!);
      const count = length && checker.rvalue(length);
      if (count && count.kind !== 'int')
        return checker.report(badCall('buf() expects an integer length', length!.span));
      if (!type) return undefined;
      const limit = checker.options.config.max_strlen;
      if (!length) {
        if (type.kind === 'array' || type.kind === 'string')
          return { kind: 'buffer', size: Math.min(sizeOf(type), limit) };
        return checker.report(
          badCall('buf() expects a length argument for non-array type', call.span, 'write buf(pointer, 16)'),
        );
      }
      const constant = checker.constant(length);
      return { kind: 'buffer', size: constant === undefined ? limit : Math.min(Math.max(1, Number(constant)), limit) };
    },
    emit(e, call, dest) {
      const [value, length] = call.args;
      const { size } = call.type as { size: number };
      const type = asNumber(value!.type!);
      const constant = length ? e.checker.constant(length) : BigInt(size);
      zero(e, plus(dest!, 4), size);
      let count = String(Math.min(size, Number(constant ?? size)));
      if (constant === undefined) {
        const wanted = e.keep(UINT64, `(u64)(${e.value(length!)})`);
        e.emit(`  if (${wanted} > ${size}) ${wanted} = ${size};`);
        count = `(u32)${wanted}`;
      }
      e.emit(`  *(u32 *)(${dest}) = ${count};`);
      if (type.kind === 'pointer' || type.kind === 'int')
        readMemory(e, type.kind === 'pointer' ? type.space : 'none', plus(dest!, 4), count, e.value(value!), call.span);
      else {
        const at = e.ref(value!);
        copy(e, plus(dest!, 4), at, Math.min(size, sizeOf(type)));
      }
      return dest;
    },
  },
  {
    names: ['strlen'],
    arity: [1, 1],
    signature: 'strlen(string)',
    summary: 'bytes in front of the NUL',
    onlyCalled: true,
    check(checker, call) {
      return textArgument(checker, call, 0) && UINT64;
    },
    emit(e, call) {
      const { at, size } = text(e, call.args[0]!);
      const count = e.scratchVariable('u64', '0');
      e.emit(`  for (${count} = 0; ${count} < ${size}; ${count}++) if (!${at}[${count}]) break;`);
      return count;
    },
  },
  {
    names: ['strcap'],
    arity: [1, 1],
    signature: 'strcap(string)',
    summary: 'bytes that there is room for',
    onlyCalled: true,
    check: (checker, call) => textArgument(checker, call, 0) && INT64,
    emit: (_, call) => String(sizeOf(asNumber(call.args[0]!.type!))),
  },
  {
    names: ['strncmp'],
    arity: [3, 3],
    signature: 'strncmp(string, string, length)',
    summary: '0 when the first bytes are the same, else 1',
    onlyCalled: true,
    check(checker, call) {
      if (!textArgument(checker, call, 0) || !textArgument(checker, call, 1)) return undefined;
      checker.rvalue(call.args[2]!);
      const count = checker.constant(call.args[2]!);
      if (count === undefined) return checker.report(notConstant('the length of strncmp()', call.args[2]!.span));
      if (count < 0n) return checker.report(badCall('Builtin strncmp requires a non-negative size', call.span));
      return UINT64;
    },
    emit(e, call) {
      const a = text(e, call.args[0]!);
      const b = text(e, call.args[1]!);
      const count = Math.min(Number(e.checker.constant(call.args[2]!)), a.size, b.size);
      return e.keep(UINT64, `!${compareText(e, a.at, b.at, count)}`);
    },
  },
  {
    names: ['strstr'],
    arity: [2, 2],
    signature: 'strstr(haystack, needle)',
    summary: 'where a text is in another, or -1',
    onlyCalled: true,
    check: (checker, call) => (textArgument(checker, call, 0) && textArgument(checker, call, 1) ? INT64 : undefined),
    emit: (e, call) => find(e, call),
  },
  {
    names: ['strcontains'],
    arity: [2, 2],
    signature: 'strcontains(haystack, needle)',
    summary: 'whether a text is in another',
    onlyCalled: true,
    check: (checker, call) => (textArgument(checker, call, 0) && textArgument(checker, call, 1) ? BOOL : undefined),
    emit: (e, call) => e.keep(BOOL, `${find(e, call)} >= 0`),
  },
  {
    names: ['str_concat'],
    arity: [2, 2],
    signature: 'str_concat(string, string)',
    summary: 'one text behind the other',
    onlyCalled: true,
    check(checker, call) {
      const a = textArgument(checker, call, 0);
      const b = textArgument(checker, call, 1);
      return a && b
        ? string(Math.min(sizeOf(a) + sizeOf(b) - 1, Math.max(checker.options.config.max_strlen, sizeOf(a))))
        : undefined;
    },
    emit(e, call, dest) {
      const size = sizeOf(call.type!);
      const a = text(e, call.args[0]!);
      const b = text(e, call.args[1]!);
      e.out.helpers.add('append');
      zero(e, dest!, size);
      const at = e.scratchVariable('u32', `skep_append(${dest}, 0, ${size}, ${a.at}, ${a.size})`);
      e.emit(`  skep_append(${dest}, ${at}, ${size}, ${b.at}, ${b.size});`);
      return dest;
    },
  },
  named('strerror', 'the text of an error number', 'int error', ERRNO, (n) => `Unknown error ${n}`, 64),
  named('signal_name', 'the text of a signal', 'int signal', SIGNALS, (n) => `Unknown signal ${n}`, 64),
  named('syscall_name', 'the name of a system call', 'int number', SYSCALLS, () => 'N/A', 32),
  {
    names: ['bswap'],
    arity: [1, 1],
    signature: 'bswap(int n)',
    summary: 'the bytes in the other order',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (!type) return undefined;
      if (type.kind !== 'int')
        return checker.report(badCall(`bswap() only supports int arguments (${type.kind} provided)`, call.span));
      return int(type.size, false);
    },
    emit(e, call) {
      const type = call.args[0]!.type as { size: number };
      const value = e.value(call.args[0]!);
      return type.size === 1
        ? e.keep(call.type!, `(u8)(${value})`)
        : e.keep(call.type!, `__builtin_bswap${type.size * 8}((u${type.size * 8})(${value}))`);
    },
  },
  {
    names: ['macaddr'],
    arity: [1, 1],
    signature: 'macaddr(char [6])',
    summary: 'a hardware address',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (!type) return undefined;
      const ok = type.kind === 'pointer' || ((type.kind === 'array' || type.kind === 'string') && sizeOf(type) === 6);
      if (!ok) return checker.report(badCall('macaddr() only supports array or pointer arguments', call.span));
      return special('mac');
    },
    emit(e, call, dest) {
      const type = asNumber(call.args[0]!.type!);
      if (type.kind === 'pointer') readMemory(e, type.space, dest!, 6, e.value(call.args[0]!), call.span);
      else e.into(call.args[0]!, type, dest!);
      return dest;
    },
  },
  {
    names: ['ntop'],
    arity: [1, 2],
    signature: 'ntop([int family,] address)',
    summary: 'an IPv4 or IPv6 address as text',
    onlyCalled: true,
    check(checker, call) {
      const value = call.args.at(-1)!;
      if (call.args[1]) checker.rvalue(call.args[0]!);
      const type = checker.rvalue(value);
      if (!type) return undefined;
      const ok =
        type.kind === 'int' ||
        type.kind === 'pointer' ||
        ((type.kind === 'array' || type.kind === 'string') && (sizeOf(type) === 4 || sizeOf(type) === 16));
      if (!ok)
        return checker.report(badCall(`ntop() expects an integer or array argument, got ${type.kind}`, call.span));
      return special('inet');
    },
    emit(e, call, dest) {
      const value = call.args.at(-1)!;
      const type = asNumber(value.type!);
      const wide = type.kind === 'pointer' ? 16 : type.kind === 'int' ? 4 : sizeOf(type);
      zero(e, dest!, 17);
      const family = call.args[1] ? e.value(call.args[0]!) : wide === 16 ? '10' : '2';
      e.emit(`  (${dest})[0] = (s8)(${family});`);
      if (type.kind === 'int') {
        const room = e.room(8);
        e.emit(`  *(u32 *)${room} = (u32)(${e.value(value)});`);
        copy(e, plus(dest!, 1), room, 4);
      } else if (type.kind === 'pointer') readMemory(e, type.space, plus(dest!, 1), 16, e.value(value), call.span);
      else copy(e, plus(dest!, 1), e.ref(value), wide);
      return dest;
    },
  },
  {
    names: ['pton'],
    arity: [1, 1],
    signature: 'pton("address")',
    summary: 'the bytes of an IPv4 or IPv6 address',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      const written = checker.textOf(call.args[0]!);
      const bytes = written === undefined ? undefined : addressBytes(written);
      if (bytes === undefined)
        return checker.report(
          badCall(
            `pton() expects an string argument of an IPv4/IPv6 address, got ${written ?? 'something else'}`,
            call.span,
          ),
        );
      return { kind: 'array', of: int(1, false), count: bytes.length };
    },
    emit(e, call, dest) {
      for (const [i, byte] of addressBytes(e.checker.textOf(call.args[0]!)!)!.entries())
        e.emit(`  (${dest})[${i}] = ${byte > 127 ? byte - 256 : byte};`);
      return dest;
    },
  },
  {
    names: ['memcmp'],
    arity: [3, 3],
    signature: 'memcmp(a, b, count)',
    summary: '0 when the first bytes are the same',
    onlyCalled: true,
    check(checker, call) {
      for (const arg of call.args) checker.rvalue(arg);
      if (checker.constant(call.args[2]!) === undefined)
        return checker.report(notConstant('the count of memcmp()', call.args[2]!.span));
      return int(4, true);
    },
    emit(e, call) {
      const count = Math.min(
        Number(e.checker.constant(call.args[2]!)),
        sizeOf(asNumber(call.args[0]!.type!)),
        sizeOf(asNumber(call.args[1]!.type!)),
      );
      const [a, b] = [addressable(e, call.args[0]!), addressable(e, call.args[1]!)];
      const result = e.scratchVariable('s32', '0');
      const i = e.scratchVariable('u32', '0');
      e.emit(
        `  for (${i} = 0; ${i} < ${count}; ${i}++) if (${a}[${i}] != ${b}[${i}]) { ${result} = (u8)${a}[${i}] < (u8)${b}[${i}] ? -1 : 1; break; }`,
      );
      return result;
    },
  },
];

/** What `$1` says as text; `$1 + 2` begins two characters later. */
function parameterText(checker: Checker, value: Expression): string | undefined {
  if (value.kind === 'positional') return checker.options.positional[value.index - 1] ?? '';
  if (value.kind === 'string') return value.value;
  if (value.kind === 'binary' && value.op === '+' && value.left.kind === 'positional') {
    const from = checker.constant(value.right);
    return from === undefined
      ? undefined
      : (checker.options.positional[value.left.index - 1] ?? '').slice(Number(from));
  }
  return value.kind === 'call' || value.kind === 'name' ? checker.textOf(value) : undefined;
}

function sizeFor(checker: Checker, length: Expression, standard: number): number {
  const value = checker.constant(length);
  return value === undefined ? standard : Number(value < 0n ? 0n : value > 1_000_000n ? 1_000_000n : value);
}

/** Whether an argument is a text: a string, an array of characters, a pointer to one. */
function textArgument(checker: Checker, call: Call, index: number): TraceType | undefined {
  const arg = call.args[index]!;
  const type = checker.rvalue(arg);
  if (!type) return undefined;
  if (type.kind === 'string') return type;
  if (
    (type.kind === 'array' || type.kind === 'pointer') &&
    elementOf(type).kind === 'int' &&
    sizeOf(elementOf(type)) === 1
  )
    return type.kind === 'array' ? type : string(checker.options.config.max_strlen + 1);
  return checker.report(
    badCall(
      `${call.name}() expects string-like arguments: strings, arrays or pointers of characters, not ${shown(type.kind)}`,
      arg.span,
      'wrap a pointer in str()',
    ),
  );
}

function elementOf(type: TraceType): TraceType {
  return type.kind === 'array' ? type.of : type.kind === 'pointer' ? type.to : NONE;
}

/** The bytes of a text argument, and how many there are at most. */
function text(e: Emitter, arg: Expression): { at: string; size: number } {
  const type = asNumber(arg.type!);
  if (type.kind !== 'pointer') return { at: e.ref(arg), size: sizeOf(type) };
  const size = e.checker.options.config.max_strlen + 1;
  const room = e.room(size);
  readString(e, type.space, room, size, e.value(arg));
  return { at: room, size };
}

function find(e: Emitter, call: Call): string {
  const haystack = text(e, call.args[0]!);
  const needle = text(e, call.args[1]!);
  e.out.helpers.add('find');
  return e.keep(INT64, `skep_find(${haystack.at}, ${haystack.size}, ${needle.at}, ${needle.size})`);
}

/** A number as a name: literal numbers at once, others from a table of the object. */
function named(
  name: string,
  summary: string,
  argument: string,
  table: ReadonlyMap<number, string>,
  otherwise: (n: bigint) => string,
  size: number,
): FunctionSpec {
  return {
    names: [name],
    arity: [1, 1],
    signature: `${name}(${argument})`,
    summary,
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (!type) return undefined;
      if (type.kind !== 'int')
        return checker.report(badCall(`${name}() only supports int arguments (${type.kind} provided)`, call.span));
      return string(size);
    },
    emit(e, call, dest) {
      const constant = e.checker.constant(call.args[0]!);
      if (constant !== undefined) {
        storeText(e, dest!, size, table.get(Number(constant)) ?? (constant > 128n ? 'N/A' : otherwise(constant)));
        return dest;
      }
      const longest = Math.max(...table.keys()) + 1;
      const rows = Array.from({ length: longest }, (_, i) =>
        (table.get(i) ?? otherwise(BigInt(i))).slice(0, size - 1).padEnd(size, '\0'),
      );
      const symbol = e.out.text([...rows.join('')].map((c) => c.charCodeAt(0)));
      const value = e.keep(UINT64, `(u64)(${e.value(call.args[0]!)})`);
      e.emit(
        `  if (${value} < ${longest}) bpf_probe_read_kernel(${dest}, ${size}, (void *)((char *)${symbol} + ${value} * ${size}));`,
      );
      e.emit('  else {');
      storeText(e, dest!, size, 'N/A');
      e.emit('  }');
      return dest;
    },
  };
}

/** The bytes of an address; undefined when it is none. */
function addressBytes(text: string): number[] | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (four) {
    const bytes = four.slice(1).map(Number);
    return bytes.every((one) => one < 256) ? bytes : undefined;
  }
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(':')) return undefined;
  const [head, tail, more] = text.split('::');
  if (more !== undefined) return undefined;
  const words = (part: string): number[] | undefined => {
    if (part === '') return [];
    const found: number[] = [];
    for (const one of part.split(':')) {
      if (one.includes('.')) {
        const inner = addressBytes(one);
        if (inner?.length !== 4) return undefined;
        found.push(...inner);
      } else if (/^[0-9a-fA-F]{1,4}$/.test(one))
        found.push(Number.parseInt(one, 16) >> 8, Number.parseInt(one, 16) & 0xff);
      else return undefined;
    }
    return found;
  };
  const first = words(head!);
  const last = tail === undefined ? [] : words(tail);
  if (!first || !last) return undefined;
  if (tail === undefined) return first.length === 16 ? first : undefined;
  const gap = 16 - first.length - last.length;
  return gap < 0 ? undefined : [...first, ...new Array<number>(gap).fill(0), ...last];
}

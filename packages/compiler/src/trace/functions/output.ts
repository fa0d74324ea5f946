import type { Expression } from '../ast.ts';
import type { Checker } from '../check.ts';
import { badCall, badFormat, mapScalar, notConstant, unsafe, userFailure } from '../diagnostics.ts';
import { zero } from '../emit/bytes.ts';
import { type FormatPlace, parsePrintf } from '../format.ts';
import { asNumber, isCastable, NONE, showType, string, type TraceType, UINT64 } from '../type.ts';
import type { Call, FunctionSpec } from './spec.ts';

/** Functions that make user space do something. */
export const OUTPUT: readonly FunctionSpec[] = [
  formatted('printf', 'prints text with values in it'),
  formatted('errorf', 'the same as an error, with its place in the script'),
  formatted('warnf', 'the same as a warning; --no-warnings silences it'),
  formatted('cat', 'prints the file whose name the format gives'),
  formatted('system', 'runs a command of the shell'),
  {
    names: ['debugf'],
    arity: [1, 4],
    signature: 'debugf(fmt, …)',
    summary: "prints to the kernel's own trace",
    onlyCalled: true,
    check(checker, call) {
      for (const arg of call.args) checker.rvalue(arg);
      checker.warn(
        'The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in bpf-helpers(7).',
        call.span,
      );
      return format(checker, call) === undefined ? undefined : NONE;
    },
    emit(e, call) {
      const text = e.checker.textOf(call.args[0]!)!;
      const args = call.args.slice(1).map((one) => {
        const type = asNumber(one.type!);
        return type.kind === 'string' ? e.ref(one) : e.value(one);
      });
      const wide = text.replace(/%([-0 #]*\d*)(?:hh|h|ll|l)?([diuxX])/g, '%$1ll$2');
      e.emit(
        `  { static const char skep_fmt[] = ${JSON.stringify(wide)}; bpf_trace_printk(skep_fmt, sizeof(skep_fmt)${args.map((one) => `, (u64)(${one})`).join('')}); }`,
      );
      return undefined;
    },
  },
  {
    names: ['fail'],
    arity: [1, 30],
    signature: 'fail(fmt, …)',
    summary: 'the script is refused when this is reached while it is compiled',
    onlyCalled: true,
    check(checker, call) {
      const text = checker.textOf(call.args[0]!) ?? '';
      const values = call.args.slice(1).map((one) => {
        checker.rvalue(one);
        return checker.textOf(one) ?? String(checker.constant(one) ?? '?');
      });
      let at = 0;
      const message = text.replace(/%[a-z]+/g, () => values[at++] ?? '');
      checker.report(
        userFailure(
          message,
          call.span,
          (call.expandedAt ?? []).map((span) => ({ message: 'expanded from', span })),
        ),
      );
      return NONE;
    },
    emit: () => undefined,
  },
  {
    names: ['print'],
    arity: [1, 3],
    signature: 'print(value), print(@map [, top [, div]])',
    summary: 'prints a value, or a map with its largest `top` entries divided by `div`',
    onlyCalled: true,
    check(checker, call) {
      const [value, ...rest] = call.args;
      if (value!.kind === 'map') {
        const map = checker.mapOf(value as Expression & { kind: 'map' });
        for (const one of rest) {
          checker.rvalue(one);
          if (checker.constant(one) === undefined) checker.report(notConstant(`the argument of print()`, one.span));
        }
        if (map.scalar && rest.length > 0 && map.value && map.value.kind !== 'aggregate')
          checker.report(mapScalar('Non-map-key print() only takes 1 argument, 2 found', call.span));
        if (map.value?.kind === 'aggregate' && map.value.name === 'stats' && rest.length > 0)
          checker.warn("print()'s top and div arguments are ignored when used on stats() maps.", call.span);
        value!.type = map.value;
        return NONE;
      }
      const type = checker.rvalue(value!);
      if (!type) return undefined;
      if (rest.length > 0) return checker.report(badCall('Non-map print() only takes 1 argument, 2 found', call.span));
      if (type.kind === 'aggregate' && value!.kind === 'element') return NONE;
      if (type.kind === 'none' || type.kind === 'aggregate') {
        return checker.report(badCall(`${showType(type)} type passed to print() is not printable`, value!.span));
      }
      return NONE;
    },
    emit(e, call) {
      const [value, top, div] = call.args;
      e.within(call);
      if (value!.kind === 'map') {
        const number = (one: Expression | undefined) => one && e.checker.constant(one);
        e.action(
          { kind: 'printMap', map: value!.name, top: top ? Number(number(top)) : undefined, div: number(div) },
          call.span,
        );
        return undefined;
      }
      if (value!.kind === 'element' && value!.type?.kind === 'aggregate' && !isCastable(value!.type)) {
        // One element of a histogram: user space finds its buckets by the key.
        const map = e.checker.mapOf(value!.map);
        e.action(
          { kind: 'printMap', map: map.name, top: undefined, div: undefined },
          call.span,
          [value!.key],
          [map.key!],
        );
        return undefined;
      }
      e.action({ kind: 'print' }, call.span, [value!]);
      return undefined;
    },
  },
  {
    names: ['time'],
    arity: [0, 1],
    signature: 'time([fmt])',
    summary: 'prints the time of day, by default as %H:%M:%S with a line break',
    onlyCalled: true,
    check(checker, call) {
      if (call.args[0]) checker.rvalue(call.args[0]);
      if (call.args[0] && checker.textOf(call.args[0]) === undefined)
        return checker.report(notConstant('the format of time()', call.args[0].span));
      return NONE;
    },
    emit(e, call) {
      e.action({ kind: 'time', format: call.args[0] ? e.checker.textOf(call.args[0])! : '%H:%M:%S\n' }, call.span);
      return undefined;
    },
  },
  {
    names: ['join'],
    arity: [1, 2],
    signature: 'join(char *arr[] [, separator])',
    summary: 'prints strings of an array that ends with a null pointer (at most 16)',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (call.args[1]) checker.rvalue(call.args[1]);
      if (!type) return undefined;
      if (type.kind !== 'pointer' && type.kind !== 'int')
        return checker.report(
          badCall(`join() only supports int or pointer arguments (${type.kind} provided)`, call.span),
        );
      return NONE;
    },
    emit(e, call) {
      const separator = call.args[1] ? (e.checker.textOf(call.args[1]) ?? ' ') : ' ';
      const items: TraceType[] = Array.from({ length: JOINED }, () => string(JOIN_SIZE));
      const made = e.out.action({ kind: 'join', separator }, call.span, call.expandedAt ?? [], items);
      const size = 8 + JOINED * JOIN_SIZE;
      const room = e.room(size);
      const type = asNumber(call.args[0]!.type!);
      const space = type.kind === 'pointer' && type.space !== 'none' ? type.space : e.unit.context.space;
      const at = e.scratchVariable('u64', e.value(call.args[0]!));
      const item = e.scratchVariable('u64', '0');
      zero(e, room, size);
      const word = space === 'user' ? 'user' : 'kernel';
      for (let i = 0; i < JOINED; i++) {
        e.emit(`  bpf_probe_read_${word}(&${item}, 8, (void *)(${at} + ${8 * i}));`);
        e.emit(
          `  if (${item}) { bpf_probe_read_${word}_str(${room} + ${8 + i * JOIN_SIZE}, ${JOIN_SIZE}, (void *)${item});`,
        );
      }
      e.emit('  }'.repeat(JOINED));
      e.emit(`  *(u64 *)${room} = ${made.id};`);
      e.emit(`  skep_send(${room}, ${size});`);
      return undefined;
    },
  },
  {
    names: ['exit'],
    arity: [0, 1],
    signature: 'exit([code])',
    summary: 'ends everything, after the `end` probes',
    onlyCalled: true,
    check(checker, call) {
      const type = call.args[0] && checker.rvalue(call.args[0]);
      if (type && type.kind !== 'int')
        return checker.report(badCall(`exit() only supports int arguments (${type.kind} provided)`, call.span));
      return NONE;
    },
    emit(e, call) {
      if (call.args[0]) e.action({ kind: 'exit' }, call.span, call.args, [UINT64]);
      else e.action({ kind: 'exit' }, call.span);
      e.leave();
      return undefined;
    },
  },
  {
    names: ['assert'],
    arity: [2, 2],
    signature: 'assert(condition, message)',
    summary: 'ends everything with an error when the condition does not hold',
    onlyCalled: true,
    check(checker, call) {
      checker.condition(call.args[0]!);
      checker.rvalue(call.args[1]!);
      return NONE;
    },
    emit(e, call) {
      e.emit(`  if (!(${e.truth(call.args[0]!)})) {`);
      e.action({ kind: 'errorf', format: 'assert failed: %s' }, call.span, [call.args[1]!]);
      const made = e.out.action({ kind: 'exit' }, call.span, [], [UINT64]);
      e.emit(`  skep_error(${made.id}, 1);`);
      e.leave();
      e.emit('  }');
      return undefined;
    },
  },
];

const JOINED = 16;
const JOIN_SIZE = 256;

function formatted(name: 'printf' | 'errorf' | 'warnf' | 'cat' | 'system', summary: string): FunctionSpec {
  return {
    names: [name],
    arity: [1, 128],
    signature: `${name}(fmt, …)`,
    summary,
    onlyCalled: true,
    check(checker, call) {
      for (const arg of call.args) checker.rvalue(arg);
      if (name === 'system' && !checker.options.unsafe) return checker.report(unsafe(name, call.span));
      return format(checker, call) === undefined ? undefined : NONE;
    },
    emit(e, call) {
      e.within(call);
      e.action({ kind: name, format: e.checker.textOf(call.args[0]!)! }, call.span, call.args.slice(1));
      return undefined;
    },
  };
}

/** Whether the format and its arguments fit. */
function format(checker: Checker, call: Call): true | undefined {
  const [first, ...args] = call.args;
  const text = checker.textOf(first!);
  if (text === undefined)
    return first!.type === undefined
      ? undefined
      : checker.report(notConstant(`the format of ${call.name}()`, first!.span));
  const pieces = parsePrintf(text);
  if (pieces === undefined)
    return checker.report(badFormat(`${call.name}: unknown conversion in the format`, first!.span));
  const places = pieces.filter((one): one is FormatPlace => one.kind === 'place');
  if (places.length !== args.length) {
    const [more, less] = places.length > args.length ? ['Not enough', places.length] : ['Too many', places.length];
    return checker.report(
      badFormat(
        `${call.name}: ${more} arguments for format string (${args.length} supplied, ${less} expected)`,
        call.span,
      ),
    );
  }
  for (const [i, place] of places.entries()) {
    const arg = args[i]!;
    if (!arg.type) return undefined;
    const type = asNumber(arg.type);
    if (!fits(place, type))
      return checker.report(
        badFormat(
          `${call.name}: %${place.conversion} specifier expects a value of type ${wanted(place)} (${type.kind === 'special' ? type.name : type.kind} supplied)`,
          arg.span,
        ),
      );
  }
  return true;
}

function fits(place: FormatPlace, type: TraceType): boolean {
  const number = type.kind === 'int' || type.kind === 'bool' || type.kind === 'pointer';
  switch (place.conversion) {
    case 's':
      return type.kind !== 'none' && !(number && type.kind !== 'bool' && !(type.kind === 'int' && type.names));
    case 'r':
    case 'rx':
    case 'rh':
      return type.kind === 'buffer' || type.kind === 'string' || type.kind === 'array';
    case 'gr':
      return number;
    default:
      return number || (type.kind === 'special' && (type.name === 'username' || type.name === 'ksym'));
  }
}

function wanted(place: FormatPlace): string {
  return place.conversion === 's' ? 'string' : place.conversion.startsWith('r') ? 'buffer' : 'integer';
}

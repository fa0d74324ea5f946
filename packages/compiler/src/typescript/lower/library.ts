import * as say from '../diagnostics.ts';
import { bare, type Call, type Expression, type Node, type OptionalCall } from '../syntax.ts';
import { describe, NUMBER, numberOf, SAFE, type Type, U64 } from '../types.ts';
import { ENUMS, FACTS, type Fact } from '../vocabulary.ts';
import { signedDivision } from './arithmetic.ts';
import { argumentsOf, exactly } from './calls.ts';
import { expression } from './expressions.ts';
import type { Lowering } from './lowering.ts';
import { constantValue, cTypeOf, type Value, wide } from './value.ts';

export function libraryFunction(l: Lowering, name: string, node: Call | OptionalCall): Value {
  if ((FACTS as readonly string[]).includes(name)) {
    exactly(l, node, `\`${name}()\``, 0);
    return factCall(l, name as Fact, node);
  }
  if (name === 'uptr' || name === 'kptr') {
    const [argument] = exactly(l, node, `\`${name}()\``, 1) as [Expression];
    const value = l.defined(expression(l, argument), 'this', argument);
    if (value.type.kind !== 'bigint' && value.type.kind !== 'pointer')
      l.fail(say.wrongType(describe(value.type), 'bigint', l.span(argument)));
    return { type: { kind: 'pointer', space: name === 'uptr' ? 'user' : 'kernel' }, c: `(u64)(${value.c})` };
  }
  if (name === 'ipv4') {
    const [argument] = exactly(l, node, '`ipv4()`', 1) as [Expression];
    const text = expression(l, argument).constant;
    const parts = typeof text === 'string' ? text.split('.').map(Number) : [];
    if (parts.length !== 4 || parts.some((one) => !(Number.isInteger(one) && one >= 0 && one <= 255)))
      l.fail(say.wrongType('no address', "a constant such as '10.0.0.1'", l.span(argument)));
    return constantValue(parts.reduce((sum, one) => sum * 256 + one, 0));
  }
  if (name in ENUMS || name === 'params' || name === 'events') return l.fail(say.notTopLevel(name, l.span(node)));
  if (name === 'interval' || name === 'simulate' || name === 'formatIpv4')
    return l.fail(say.notForUser(name, l.span(node)));
  return l.fail(say.notTopLevel(name, l.span(node)));
}

function factCall(l: Lowering, name: Fact, node: Node): Value {
  // Packets belong to nobody; newer kernels allow some of it.
  if (/^(xdp|tcx|cgroup_skb)\b/.test(l.context?.section ?? '') && NEEDS_TASK.has(name))
    l.fail(say.noTask(name, l.span(node)));
  const now = (type: Type, c: string): Value => {
    const kept = l.name(name);
    l.emit(`${cTypeOf(type)} ${kept} = ${c};`);
    return { type, c: kept };
  };
  switch (name) {
    case 'pid':
      return now(numberOf(32, false), 'bpf_get_current_pid_tgid() >> 32');
    case 'tid':
      return now(numberOf(32, false), '(u32)bpf_get_current_pid_tgid()');
    case 'uid':
      return now(numberOf(32, false), '(u32)bpf_get_current_uid_gid()');
    case 'gid':
      return now(numberOf(32, false), 'bpf_get_current_uid_gid() >> 32');
    case 'cpu':
      return now(numberOf(32, false), '(u32)bpf_get_smp_processor_id()');
    case 'now':
      return now(U64, 'bpf_ktime_get_ns()');
    case 'cgroupId':
      return now(U64, 'bpf_get_current_cgroup_id()');
    case 'random':
      return now(numberOf(32, false), '(u32)bpf_get_prandom_u32()');
    case 'comm':
      return {
        type: { kind: 'string', size: 16 },
        c: '@text',
        into: (to, size) => (size >= 16 ? `bpf_get_current_comm(${to}, 16);` : `bpf_get_current_comm(${to}, ${size});`),
      };
    case 'task': {
      const btf = l.shared.btf?.();
      const struct = btf?.find('task_struct', 'struct');
      if (struct === undefined) return l.fail(say.needsTypes('`task()`', l.span(node)));
      const kept = l.name('task');
      l.emit(`struct task_struct *${kept} = (struct task_struct *)bpf_get_current_task();`);
      return { type: { kind: 'kernel', struct, tag: 'struct task_struct', access: 'probe' }, c: kept };
    }
  }
}

export function convert(l: Lowering, name: 'BigInt' | 'Number', node: Call | OptionalCall): Value {
  const [argument] = exactly(l, node, `\`${name}()\``, 1) as [Expression];
  const value = l.defined(expression(l, argument), 'this', argument);
  const { type } = value;
  if (name === 'BigInt') {
    if (typeof value.constant === 'number') return constantValue(BigInt(value.constant));
    if (type.kind === 'number') return { type: { kind: 'bigint', signed: type.min < 0 }, c: wide(value.c) };
    if (type.kind === 'boolean') return { type: U64, c: `(u64)(${value.c})` };
    if (type.kind === 'bigint') return value;
    if (type.kind === 'pointer') return { type: U64, c: value.c };
    return l.fail(say.wrongType(describe(type), 'number', l.span(argument)));
  }
  if (typeof value.constant === 'bigint') return constantValue(Number(value.constant));
  if (type.kind === 'bigint')
    return { type: type.signed ? NUMBER : { kind: 'number', min: 0, max: SAFE }, c: wide(value.c) };
  if (type.kind === 'boolean') return { type: { kind: 'number', min: 0, max: 1 }, c: `(s64)(${value.c})` };
  return l.number(value, argument);
}

export function mathCall(l: Lowering, name: string, node: Call | OptionalCall): Value {
  const args = argumentsOf(l, node);
  if (name === 'min' || name === 'max') {
    if (args.length < 1) l.fail(say.wrongCount(`\`Math.${name}\``, 'at least one argument', l.span(node)));
    return args
      .map((one) => l.number(expression(l, one), one))
      .reduce((a, b) => {
        const [x, y] = [a.type, b.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
        const pick = name === 'min' ? Math.min : Math.max;
        const c = l.name(name);
        l.emit(`s64 ${c} = ${a.c};`);
        l.emit(`if (${wide(b.c)} ${name === 'min' ? '<' : '>'} ${c}) ${c} = ${b.c};`);
        return { type: { kind: 'number', min: pick(x.min, y.min), max: pick(x.max, y.max) }, c };
      });
  }
  if (name === 'abs') {
    const [argument] = exactly(l, node, '`Math.abs`', 1) as [Expression];
    const value = l.number(expression(l, argument), argument);
    const { min, max } = value.type as Type & { kind: 'number' };
    if (min >= 0) return value;
    const c = l.declare('s64', 'abs', value.c);
    l.emit(`if (${c} < 0) ${c} = -${c};`);
    return { type: { kind: 'number', min: 0, max: Math.max(-min, max) }, c };
  }
  if (name === 'clz32') {
    const [argument] = exactly(l, node, '`Math.clz32`', 1) as [Expression];
    const c = l.declare('u32', 'clz', l.number(expression(l, argument), argument).c);
    return { type: { kind: 'number', min: 0, max: 32 }, c: `(s64)(${c} ? 31 - skep_log2(${c}) : 32)` };
  }
  if (name === 'trunc' || name === 'floor' || name === 'ceil') {
    const [argument] = exactly(l, node, `\`Math.${name}\``, 1) as [Expression];
    const quotient = bare(argument);
    if (quotient.type !== 'BinaryExpression' || quotient.operator !== '/' || quotient.left.type === 'PrivateName')
      return l.number(expression(l, argument), argument);
    const a = l.number(expression(l, quotient.left as Expression), quotient.left);
    const b = l.number(expression(l, quotient.right), quotient.right);
    const [x, y] = [a.type, b.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
    const safe = x.min >= 0 && y.min >= 0;
    const c = safe ? `(s64)((u64)${wide(a.c)} / (u64)${wide(b.c)})` : signedDivision('/', a.c, b.c);
    const most = Math.max(Math.abs(x.min), x.max);
    const type: Type = {
      kind: 'number',
      min: safe ? 0 : -most,
      max: safe && y.min > 0 ? Math.ceil(x.max / y.min) : most,
    };
    if (name === 'trunc' || (name === 'floor' && safe)) return { type, c: `(${c})` };
    // What is cut off is put back where the quotient was cut the wrong way.
    const [p, q, quotientC] = [l.declare('s64', 'p', a.c), l.declare('s64', 'q', b.c), l.declare('s64', name, c)];
    const opposite = `(${p} < 0) != (${q} < 0)`;
    l.emit(
      `if (${quotientC} * ${q} != ${p} && ${q} != 0 && ${name === 'floor' ? opposite : `!(${opposite})`}) ${quotientC} ${name === 'floor' ? '-' : '+'}= 1;`,
    );
    return { type, c: quotientC };
  }
  return l.fail(say.noLibrary(`Math.${name}`, l.span(node)));
}

export function asIntCall(l: Lowering, name: string, node: Call | OptionalCall): Value {
  if (name !== 'asUintN' && name !== 'asIntN') return l.fail(say.noLibrary(`BigInt.${name}`, l.span(node)));
  const [bits, argument] = exactly(l, node, `\`BigInt.${name}\``, 2) as [Expression, Expression];
  const width = expression(l, bits).constant;
  if (width !== 8 && width !== 16 && width !== 32 && width !== 64)
    return l.fail(say.wrongType('no such width', '8, 16, 32 or 64', l.span(bits)));
  const value = l.defined(expression(l, argument), 'this', argument);
  if (value.type.kind !== 'bigint') l.fail(say.wrongType(describe(value.type), 'bigint', l.span(argument)));
  const signed = name === 'asIntN';
  return {
    type: { kind: 'bigint', signed },
    c: `((${signed ? 's' : 'u'}64)(${signed ? 's' : 'u'}${width})(${value.c}))`,
  };
}

/** What is asked of the process that a program runs for. */
const NEEDS_TASK: ReadonlySet<Fact> = new Set<Fact>(['pid', 'tid', 'uid', 'gid', 'comm', 'cgroupId', 'task']);

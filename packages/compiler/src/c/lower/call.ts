import { undef } from '../../ir/constant.ts';
import type { AsmOperand, Callee, Value } from '../../ir/ir.ts';
import type { CallExpr, Expr } from '../ast.ts';
import { lowerAggregate, lowerValue } from './expression.ts';
import { addressOf, copy, temporary } from './place.ts';
import { noteOutput } from './record-tags.ts';
import type { FunctionState } from './state.ts';
import { irTypeOf, isAggregate } from './types.ts';

/** A call of a helper, a function, or through a pointer; `result` is where a struct result goes. */
export function lowerCall(fn: FunctionState, e: CallExpr, result: Value | undefined): Value {
  const { b } = fn;
  const packet = packetLoad(fn, e);
  if (packet !== undefined) return packet;
  const callee = calleeOf(fn, e.callee);
  const args: Value[] = result === undefined ? [] : [result];
  for (const arg of e.args) args.push(isAggregate(arg.type) ? passByCopy(fn, arg) : lowerValue(fn, arg));
  const type = irTypeOf(e.type);
  if (callee.kind === 'helper') noteOutput(fn.unit, e, callee.id);
  b.span = e.span;
  const call = b.call(callee, args, type ?? 'void');
  return call.type === 'void' ? undef('i64') : call;
}

function calleeOf(fn: FunctionState, e: Expr): Callee {
  let at = e;
  while (at.kind === 'cast' && (at.op === 'decay' || at.op === 'pointer')) at = at.operand;
  while (at.kind === 'deref') {
    at = at.pointer;
    while (at.kind === 'cast' && (at.op === 'decay' || at.op === 'pointer')) at = at.operand;
  }
  if (at.kind === 'func') {
    const { helper } = at.function;
    if (helper !== undefined) return { kind: 'helper', id: helper, name: at.function.name };
    return { kind: 'func', func: fn.unit.funcOf(at.function) };
  }
  const name =
    at.kind === 'cast' && at.op === 'load' && at.operand.kind === 'var' ? at.operand.variable.name : undefined;
  const pointer = lowerValue(fn, at);
  if (pointer.kind === 'const') {
    const id = Number(pointer.value);
    return { kind: 'helper', id, name: name ?? `helper_${id}` };
  }
  if (pointer.kind === 'func') return { kind: 'func', func: pointer };
  return { kind: 'pointer', pointer };
}

/** The callee may write to its parameter: it gets a copy. */
function passByCopy(fn: FunctionState, e: Expr): Value {
  const source = lowerAggregate(fn, e);
  const slot = temporary(fn, e.type, 'argument');
  copy(fn, slot, source, e.type);
  return addressOf(fn, slot);
}

const PACKET_LOAD = /^llvm\.bpf\.load\.(byte|half|word)$/;
const PACKET_TYPE: Readonly<Record<string, string>> = { byte: 'u8', half: 'u16', word: 'u32' };

/**
 * `load_byte(skb, offset)` and its sisters, which old programs declare as clang's intrinsics: the packet loads of the
 * first BPF, with the context in r6 and the result in r0.
 */
function packetLoad(fn: FunctionState, e: CallExpr): Value | undefined {
  let at = e.callee;
  while (at.kind === 'cast') at = at.operand;
  const kind = at.kind === 'func' ? PACKET_LOAD.exec(at.function.attributes.symbol ?? '')?.[1] : undefined;
  if (kind === undefined || e.args.length !== 2) return undefined;
  const { b } = fn;
  const inputs = e.args.map((arg) => lowerValue(fn, arg));
  const offset = inputs[1]!;
  const near = offset.kind === 'const' && offset.value >= 0n && offset.value < 1n << 31n;
  const operand = (place: AsmOperand['place'], input: number | undefined, result?: number): AsmOperand => ({
    name: undefined,
    place,
    input,
    result,
    early: false,
  });
  b.span = e.span;
  return b.asm({
    kind: 'asm',
    type: 'i64',
    template: `r0 = *(${PACKET_TYPE[kind]} *)skb[%2]`,
    operands: [operand('r0', undefined, 0), operand('r6', 0), operand(near ? 'immediate' : 'r1', 1)],
    clobbers: [0, 1, 2, 3, 4, 5],
    labels: [],
    names: [],
    inputs,
    span: e.span,
  });
}

import { constant, typeOf } from '../../ir/constant.ts';
import type { AsmInst, AsmOperand, Block, Value } from '../../ir/ir.ts';
import type { AsmArgument, AsmStmt, Expr } from '../ast.ts';
import { sizeOf } from '../types.ts';
import { asmConstraint, asmGotoCleanup, asmType } from './diagnostics.ts';
import { lowerValue } from './expression.ts';
import { constantBytes } from './globals.ts';
import { cleanupsAt } from './label-depths.ts';
import { addressOf, load, lowerPlace, type Place, store } from './place.ts';
import type { FunctionState } from './state.ts';
import { staticValue } from './static-value.ts';
import { irTypeOf, isAggregate } from './types.ts';

/** Inline assembly with instructions: operands are evaluated before, results stored behind. */
export function lowerAsm(fn: FunctionState, s: AsmStmt, labelled: (label: string) => Block): void {
  const { b, unit } = fn;
  const operands: AsmOperand[] = [];
  const inputs: Value[] = [];
  const results: { place: Place; expr: Expr }[] = [];
  const take = (value: Value): number => inputs.push(value) - 1;
  const argument = ({ name, constraint, expr }: AsmArgument, output: boolean): void => {
    const place = placeOf(constraint);
    if (place === undefined) {
      unit.diagnostics.add(asmConstraint(constraint, expr.span));
      return;
    }
    if (place === 'memory') {
      const address = addressOf(fn, lowerPlace(fn, expr));
      operands.push({ name, place, input: take(address), result: undefined, early: false });
      return;
    }
    if (!isRegister(expr)) {
      unit.diagnostics.add(asmType(expr.type, expr.span));
      return;
    }
    const changed = output || constraint.startsWith('+');
    if (!changed) {
      const tied = /^[0-9]+$/.test(constraint) ? operands[Number(constraint)] : undefined;
      const input = take(
        place === 'immediate' ? immediate(fn, expr) : whole(fn, unnarrowed(lowerValue(fn, expr), expr)),
      );
      const narrow = place === 'any' && (sizeOf(expr.type) ?? 8) <= 4;
      if (tied === undefined) operands.push({ name, place, input, result: undefined, early: false, narrow });
      else {
        operands[Number(constraint)] = { ...tied, input };
        operands.push({ name, place: 'register', input, result: undefined, early: false });
      }
      return;
    }
    const target = lowerPlace(fn, expr);
    const input = constraint.startsWith('+') ? take(whole(fn, load(fn, target, expr.type))) : undefined;
    operands.push({ name, place: 'register', input, result: results.length, early: constraint.includes('&') });
    results.push({ place: target, expr });
  };
  for (const one of s.outputs) argument(one, true);
  for (const one of s.inputs) argument(one, false);
  const names: string[] = [];
  for (const { name, entity } of s.symbols) {
    names.push(name);
    inputs.push(entity.kind === 'function' ? unit.funcOf(entity) : unit.globalOf(entity));
  }
  for (const [, name] of s.template.matchAll(LOADED)) {
    if (name === undefined || names.includes(name)) continue;
    names.push(name);
    inputs.push(unit.undefinedSymbol(name));
  }
  // Nothing stands behind a jump that could take results along: a goto with results says by one more where it ends.
  const arrives = s.isGoto && results.length > 0;
  if (arrives)
    operands.push({ name: undefined, place: 'register', input: undefined, result: results.length, early: false });
  const inst: AsmInst = {
    kind: 'asm',
    type: results.length > 0 ? 'i64' : 'void',
    template: arrives ? arriving(s, operands.length - 1) : s.template,
    operands,
    clobbers: s.clobbers.flatMap(registerOf),
    labels: arrives ? [] : s.labels.map((one) => one.name),
    names,
    inputs,
    span: s.span,
  };
  if (s.isGoto) {
    // The jump is inside the instructions: nothing can be called on its way out.
    const leaving = s.labels.find((one) => cleanupsAt(fn, one.label) < fn.cleanups.length);
    if (leaving !== undefined) unit.diagnostics.add(asmGotoCleanup(leaving.label, s.span));
    if (!arrives) {
      const next = b.createBlock();
      b.asmGoto(
        inst,
        s.labels.map((one) => labelled(one.label)),
        next,
      );
      b.enter(next);
      return;
    }
  }
  b.asm(inst);
  const result = (i: number): Value => (i === 0 ? inst : b.asmResult(inst, i));
  // All results are read before anything is stored: they come behind the instruction at once.
  const values = results.map((_, i) => result(i));
  const arrived = arrives ? result(results.length) : undefined;
  for (const [i, { place, expr }] of results.entries()) store(fn, place, expr.type, fromRegister(fn, values[i]!, expr));
  if (arrived === undefined) return;
  const next = b.createBlock();
  const cases = s.labels.map((one, i) => ({ value: BigInt(i + 1), block: labelled(one.label) }));
  b.switch(arrived, cases, next);
  b.enter(next);
}

/** `r1 = limit ll`: the address of what may be declared nowhere; loaders put numbers there. */
const LOADED = /=\s*([A-Za-z_]\w*)\s+ll\b/g;

/** The template, with a number written to operand `to`: 0 at its end, else 1 and up for the labels that it jumps to. */
function arriving(s: AsmStmt, to: number): string {
  // Labels are counted behind the operands, and `"+r"` is two of those.
  const first = s.outputs.length + s.inputs.length + s.outputs.filter((one) => one.constraint.includes('+')).length;
  const own = (i: number) => `$arrive${i}`;
  const text = s.template.replace(/%l(?:\[(\w+)\]|(\d+))/g, (whole, name: string | undefined, number: string) => {
    const i = name === undefined ? Number(number) - first : s.labels.findIndex((one) => one.name === name);
    return s.labels[i] === undefined ? whole : own(i);
  });
  const ends = s.labels.map((_, i) => `${own(i)}: %${to} = ${i + 1}; goto $arrived;`);
  return `${text}\n%${to} = 0; goto $arrived;\n${ends.join('\n')}\n$arrived:`;
}

/** Where the constraint wants the operand; undefined when none of its letters is known. */
function placeOf(constraint: string): AsmOperand['place'] | undefined {
  const letters = constraint.replace(/[=+&%,*\s]/g, '');
  if (/^[0-9]+$/.test(letters)) return 'register';
  const register = /[rwg]/.test(letters);
  const number = /[inIJKLMNOPsgX]/.test(letters);
  if (register && number) return 'any';
  if (register || letters === 'p') return 'register';
  if (number) return 'immediate';
  return /^[moVQ]+$/.test(letters) ? 'memory' : undefined;
}

function isRegister(e: Expr): boolean {
  const type = irTypeOf(e.type);
  return type !== undefined && type !== 'void' && !isAggregate(e.type);
}

/** As it stands in a register: pointers as they are, integers zero-extended. */
function whole(fn: FunctionState, value: Value): Value {
  return typeOf(value) === 'ptr' ? value : fn.b.resize(value, 'i64', false);
}

/**
 * Operands that are cast to 8 or 16 bits are handed over as they were before: so clang does, and macros of the kernel
 * (`bpf_cmp_likely`) say `(short)x` for the whole register of `x`.
 */
function unnarrowed(value: Value, e: Expr): Value {
  if (e.kind !== 'cast' || value.kind !== 'cast' || value.op !== 'trunc') return value;
  return value.type === 'i8' || value.type === 'i16' ? value.value : value;
}

function fromRegister(fn: FunctionState, value: Value, e: Expr): Value {
  const { b } = fn;
  const type = irTypeOf(e.type);
  if (type === 'ptr') return b.convert('inttoptr', 'ptr', value);
  if (type === 'i1') return b.test('ne', value, constant('i64', 0));
  return type === undefined || type === 'void' || (sizeOf(e.type) ?? 8) === 8 ? value : b.resize(value, type, false);
}

/** A number, a symbol's address, or something that is hoped to become one of these by inlining. */
function immediate(fn: FunctionState, e: Expr): Value {
  let at = e;
  while (at.kind === 'cast' && (at.op === 'decay' || at.op === 'pointer' || at.op === 'pointer-to-int'))
    at = at.operand;
  if (at.kind === 'address' && at.place.kind === 'func') at = at.place;
  if (at.kind === 'func') {
    const { helper } = at.function;
    return helper === undefined ? fn.unit.funcOf(at.function) : constant('i64', helper);
  }
  const known = staticValue(fn.unit, e);
  if (known !== undefined) {
    if (known.symbol === undefined) {
      // Sign-extended by the type, as clang prints it.
      return constant('i64', signExtended(e, known.addend));
    }
    if (known.addend === 0n) return known.symbol;
  }
  const word = constantWord(fn, e);
  if (word !== undefined) return constant('i64', word);
  return fn.b.resize(asInteger(fn, lowerValue(fn, e)), 'i64', true);
}

/** `*(long *)&(struct bpf_insn){ … }`: an instruction that the source puts together itself. */
function constantWord(fn: FunctionState, e: Expr): bigint | undefined {
  if (e.kind !== 'cast' || e.op !== 'load' || e.operand.kind !== 'deref') return undefined;
  let at = e.operand.pointer;
  while (at.kind === 'cast') at = at.operand;
  if (at.kind !== 'address' || at.place.kind !== 'compound') return undefined;
  const bytes = constantBytes(fn.unit, at.place.variable);
  if (bytes === undefined || bytes.length < 8) return undefined;
  return new DataView(bytes.buffer).getBigInt64(0, true);
}

function asInteger(fn: FunctionState, value: Value): Value {
  return typeOf(value) === 'ptr' && value.kind !== 'global' && value.kind !== 'func'
    ? fn.b.convert('ptrtoint', 'i64', value)
    : value;
}

function signExtended(e: Expr, value: bigint): bigint {
  const type = irTypeOf(e.type);
  return type === 'i8' || type === 'i16' || type === 'i32' ? value : BigInt.asIntN(64, value);
}

function registerOf(clobber: string): number[] {
  const found = /^[rw](\d)$/.exec(clobber);
  return found === null ? [] : [Number(found[1])];
}

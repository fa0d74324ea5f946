import type { BinaryOp, CompareOp } from '../../ir/ir.ts';
import type { BinaryExpr } from '../ast.ts';

type Op = BinaryExpr['op'];

/** C's arithmetic as the IR's, by the sign of the (left) operand's type. */
export const BINARY_OPS: Readonly<Partial<Record<Op, (signed: boolean) => BinaryOp>>> = {
  '+': () => 'add',
  '-': () => 'sub',
  '*': () => 'mul',
  '/': (signed) => (signed ? 'sdiv' : 'udiv'),
  '%': (signed) => (signed ? 'srem' : 'urem'),
  '<<': () => 'shl',
  '>>': (signed) => (signed ? 'ashr' : 'lshr'),
  '&': () => 'and',
  '|': () => 'or',
  '^': () => 'xor',
};

export const COMPARE_OPS: Readonly<Partial<Record<Op, (signed: boolean) => CompareOp>>> = {
  '==': () => 'eq',
  '!=': () => 'ne',
  '<': (signed) => (signed ? 'slt' : 'ult'),
  '<=': (signed) => (signed ? 'sle' : 'ule'),
  '>': (signed) => (signed ? 'sgt' : 'ugt'),
  '>=': (signed) => (signed ? 'sge' : 'uge'),
};

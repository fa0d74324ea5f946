import { helperId } from '@skep/abi';
import type { Global } from '../../ir/ir.ts';
import type { CallExpr, Expr, VariableDecl } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { strip } from '../types.ts';
import type { Unit } from './unit.ts';

/**
 * What goes through a ring buffer or perf event array has no place in the map's definition, so it is noted as a
 * declaration tag on the map: `record:struct event`. Whoever reads the map then knows how to decode it.
 */
export function noteReserved(unit: Unit, call: Expr, pointer: CType): void {
  if (call.kind === 'call' && helperOf(call) === BPF_RINGBUF_RESERVE) note(unit, call.args[0], strip(pointer));
}

/** The same for records that are written from a variable. */
export function noteOutput(unit: Unit, call: CallExpr, helper: number): void {
  if (helper === BPF_RINGBUF_OUTPUT) note(unit, call.args[0], pointerBehind(call.args[1]));
  else if (helper === BPF_PERF_EVENT_OUTPUT) note(unit, call.args[1], pointerBehind(call.args[3]));
}

const BPF_PERF_EVENT_OUTPUT = helperId('bpf_perf_event_output');
const BPF_RINGBUF_OUTPUT = helperId('bpf_ringbuf_output');
const BPF_RINGBUF_RESERVE = helperId('bpf_ringbuf_reserve');

function helperOf(call: CallExpr): number | undefined {
  const callee = withoutCasts(call.callee);
  return callee?.kind === 'func' ? callee.function.helper : undefined;
}

function note(unit: Unit, map: Expr | undefined, pointer: CType | undefined): void {
  const variable = mapOf(map);
  if (variable?.attributes.section !== '.maps' || pointer?.kind !== 'pointer') return;
  const name = nameOf(pointer.to);
  if (name === undefined) return;
  unit.types.idOf(pointer.to);
  const { declTags } = unit.globalOf(variable);
  const value = `record:${name}`;
  if (!declTags.some((tag) => tag.value === value))
    (declTags as Global['declTags'][number][]).push({ component: -1, value });
}

/** `struct event`, or the name of a typedef for a struct that has none. */
function nameOf(type: CType): string | undefined {
  const bare = strip(type);
  if (bare.kind !== 'record') return undefined;
  if (bare.tag !== undefined) return `${bare.union ? 'union' : 'struct'} ${bare.tag}`;
  let at = type;
  while (at.kind === 'qualified' || at.kind === 'tagged') at = at.type;
  return at.kind === 'typedef' ? at.name : undefined;
}

function mapOf(e: Expr | undefined): VariableDecl | undefined {
  const at = withoutCasts(e);
  return at?.kind === 'address' && at.place.kind === 'var' ? at.place.variable : undefined;
}

function pointerBehind(e: Expr | undefined): CType | undefined {
  const at = withoutCasts(e);
  return at && strip(at.type);
}

function withoutCasts(e: Expr | undefined): Expr | undefined {
  let at = e;
  while (at?.kind === 'cast' && (at.op === 'pointer' || at.op === 'decay')) at = at.operand;
  return at;
}

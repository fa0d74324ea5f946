/** What functions may return to whom calls them. */
import { ATTACH, PROG } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { slt, toNumber } from '../number/int64.ts';
import { SCALAR, typeName } from '../state/kinds.ts';
import type { Reg } from '../state/reg.ts';
import { targetOf } from './btf-access.ts';
import { lsmIsVoid, lsmResults } from './lsm-hooks.ts';

/** At the end of a program, of a callback that runs by itself, or of a global function. */
export function checkReturnCode(x: Explorer, register: number, name: string): void {
  const { type, attachType } = x.program.input;
  const outer = x.state.frames[0]!;
  const isSub = outer.subprogram > 0;
  const voidHook = hookIsVoid(x);
  if (
    (!isSub || outer.exceptionCallback) &&
    voidHook &&
    ((type === PROG.BPF_PROG_TYPE_LSM && attachType !== ATTACH.BPF_LSM_CGROUP) ||
      type === PROG.BPF_PROG_TYPE_STRUCT_OPS)
  )
    return;
  const reg = x.read(register);
  if (x.leaks(reg)) x.refuse(`R${register} leaks addr as return value`);
  if (outer.asyncCallback) {
    enforce(x, reg, register, [0, 0], 'At async callback return', name, false);
    return;
  }
  if (isSub && !outer.exceptionCallback) {
    if (reg.type !== SCALAR)
      x.refuse(`At subprogram exit the register R${register} is not a scalar value (${typeName(reg.type)})`);
    return;
  }
  let range = x.context.result;
  let narrow = false;
  if (type === PROG.BPF_PROG_TYPE_TRACING) {
    if (attachType === ATTACH.BPF_TRACE_FENTRY || attachType === ATTACH.BPF_TRACE_FEXIT) range = [0, 0];
    else if (attachType === ATTACH.BPF_TRACE_ITER) range = [0, 1];
    else return;
  } else if (type === PROG.BPF_PROG_TYPE_LSM) {
    if (attachType === ATTACH.BPF_LSM_CGROUP) range = voidHook ? [1, 1] : [0, 1];
    else if (x.kernel.early) return;
    else {
      narrow = true;
      range = lsmResults(x.program.input.attachTarget ?? '');
    }
  } else if (type === PROG.BPF_PROG_TYPE_RAW_TRACEPOINT && x.program.input.attachTarget !== undefined) range = [0, 0];
  else if (type === PROG.BPF_PROG_TYPE_KPROBE && attachType === ATTACH.BPF_TRACE_KPROBE_SESSION) range = [0, 1];
  if (range === undefined) return;
  enforce(x, reg, register, range, 'At program exit', name, narrow);
}

function hookIsVoid(x: Explorer): boolean {
  const target =
    x.program.input.type === PROG.BPF_PROG_TYPE_LSM || x.program.input.type === PROG.BPF_PROG_TYPE_STRUCT_OPS
      ? targetOf(x)
      : undefined;
  if (target?.proto === undefined) return lsmIsVoid(x.program.input.attachTarget ?? '');
  return target.btf.resolve(target.proto.result) === 0;
}

function enforce(
  x: Explorer,
  reg: Reg,
  register: number,
  range: readonly [number, number],
  when: string,
  name: string,
  narrow: boolean,
): void {
  if (reg.type !== SCALAR) x.refuse(`${when} the register R${register} is not a known value (${typeName(reg.type)})`);
  markPrecise(x, register);
  if (!resultWithin(reg, range[0], range[1], narrow)) invalidScalar(x, reg, range, when, name);
}

export function resultWithin(reg: Reg, least: number, most: number, narrow: boolean): boolean {
  if (narrow) return reg.tn >= least && reg.tx <= most;
  return toNumber(reg.snl, reg.snh) >= least && toNumber(reg.sxl, reg.sxh) <= most;
}

export function invalidScalar(
  x: Explorer,
  reg: Reg,
  range: readonly [number, number],
  when: string,
  name: string,
): never {
  const least = slt(0, -2147483648, reg.snl, reg.snh);
  const most = slt(reg.sxl, reg.sxh, -1, 2147483647);
  const text =
    `${least ? ` smin=${toNumber(reg.snl, reg.snh)}` : ''}${most ? ` smax=${toNumber(reg.sxl, reg.sxh)}` : ''}` ||
    ' unknown scalar value';
  x.refuse(`${when} the register ${name} has${text} should have been in [${range[0]}, ${range[1]}]`);
}

/** Functions that are checked by themselves: what their prototypes promise, at the call and at their start. */
import { ATTACH, PROG } from '@skep/abi';
import type { Btf, BtfId } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import type { Subprogram } from '../program/program.ts';
import { Refusal } from '../refusal.ts';
import type { Frame } from '../state/frame.ts';
import {
  baseOf,
  CONST_PTR_TO_DYNPTR,
  MAYBE_NULL,
  MEM_RCU,
  mayBeNull,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_MEM,
  PTR_TRUSTED,
  SCALAR,
  typeName,
} from '../state/kinds.ts';
import { isNull, pointer, unknown } from '../state/reg.ts';
import { structMatches } from './btf-access.ts';
import { DYNPTR, dynptrOf } from './dynptr.ts';
import { checkHelperMemory } from './helper-memory.ts';
import { notNull } from './jump.ts';
import { checkPlainOffset } from './regions.ts';

export type Argument =
  | { readonly kind: 'scalar' | 'ctx' | 'dynptr' | 'arena' }
  | { readonly kind: 'mem'; readonly size: number; readonly nullable: boolean }
  | { readonly kind: 'btf'; readonly id: BtfId; readonly name: string; readonly nullable: boolean };

/** What programs call their context, by program type. */
export const CONTEXT_NAMES: Readonly<Record<number, readonly string[]>> = {
  1: ['__sk_buff'],
  3: ['__sk_buff'],
  4: ['__sk_buff'],
  8: ['__sk_buff'],
  10: ['__sk_buff'],
  11: ['__sk_buff'],
  12: ['__sk_buff'],
  14: ['__sk_buff'],
  19: ['__sk_buff'],
  22: ['__sk_buff'],
  6: ['xdp_md'],
  9: ['bpf_sock'],
  13: ['bpf_sock_ops'],
  15: ['bpf_cgroup_dev_ctx'],
  16: ['sk_msg_md'],
  17: ['bpf_raw_tracepoint_args'],
  24: ['bpf_raw_tracepoint_args'],
  18: ['bpf_sock_addr'],
  21: ['sk_reuseport_md'],
  23: ['bpf_sysctl'],
  25: ['bpf_sockopt'],
  30: ['bpf_sk_lookup'],
  32: ['bpf_nf_ctx'],
  2: ['bpf_user_pt_regs_t', 'pt_regs', 'user_pt_regs'],
  7: ['bpf_perf_event_data'],
};

/** What a function's parameters are; throws where the kernel cannot verify such a function by itself. */
export function argumentsOf(x: Explorer, sub: Subprogram): readonly Argument[] {
  const { btf, type: progType } = x.program.input;
  if (btf === undefined || sub.type === 0) return [];
  const func = btf.type(sub.type);
  if (func.kind !== 'func') return [];
  const proto = btf.type(func.type);
  if (proto.kind !== 'func_proto') return [];
  const fail = (text: string): never => {
    throw new Refusal(text, sub.start);
  };
  if (proto.params.length > 5)
    fail(`Global function ${sub.name}() with ${proto.params.length} > 5 args. Buggy compiler.`);
  const result = btf.resolve(proto.result);
  const resultKind = result === 0 ? 'void' : btf.kind(result);
  if (resultKind !== 'int' && resultKind !== 'enum' && resultKind !== 'enum64')
    fail(`Global function ${sub.name}() doesn't return scalar. Only those are supported.`);
  return proto.params.map((param, i): Argument => {
    const tags = x.kernel.early ? [] : btf.tagsOf(sub.type, i).filter((tag) => tag.startsWith('arg:'));
    const tagged = (name: string): boolean => tags.includes(`arg:${name}`);
    const id = btf.resolve(param.type);
    const kind = id === 0 ? 'void' : btf.kind(id);
    if (kind === 'int' || kind === 'enum' || kind === 'enum64') {
      if (tags.length > 0) fail(`arg#${i} type ${tags[0]} is not supported`);
      return { kind: 'scalar' };
    }
    const target = kind === 'ptr' ? pointee(btf, id) : undefined;
    if (target === undefined) return fail(`Arg#${i} type ${kind.toUpperCase()} in ${sub.name}() is not supported yet.`);
    if (tagged('untrusted')) throw new Refusal(`arguments of ${sub.name}() that are tagged untrusted`, sub.start, true);
    if (tagged('ctx')) {
      const wanted = wrongContext(btf, id, progType, x.program.input.attachType ?? 0);
      if (wanted !== undefined) fail(`arg#${i} should be ${wanted}`);
      return { kind: 'ctx' };
    }
    if (tagged('arena')) return { kind: 'arena' };
    const name = target === 0 ? '' : btf.name(target);
    if ((CONTEXT_NAMES[progType] ?? []).includes(directName(btf, id)) || (CONTEXT_NAMES[progType] ?? []).includes(name))
      return { kind: 'ctx' };
    if (name === 'bpf_dynptr') return { kind: 'dynptr' };
    if (tagged('trusted')) {
      const kernelId = x.kernelBtf?.find(name.replace(/___.*$/, ''), 'struct');
      if (kernelId === undefined) return fail(`arg#${i} type STRUCT ${name} is not found in the kernel`);
      return { kind: 'btf', id: kernelId, name, nullable: tagged('nullable') };
    }
    if (target === 0) return fail(`arg#${i} reference type('UNKNOWN ') size cannot be determined: -22`);
    let size: number;
    try {
      size = btf.sizeOf(target);
    } catch {
      return fail(
        `arg#${i} reference type('${btf.kind(target).toUpperCase()} ${name}') size cannot be determined: -22`,
      );
    }
    return { kind: 'mem', size, nullable: !tagged('nonnull') };
  });
}

/** What a parameter that is tagged as the context should be, where it is something else. */
function wrongContext(btf: Btf, id: BtfId, type: number, attach: number): string | undefined {
  if (
    (type === PROG.BPF_PROG_TYPE_KPROBE || type === PROG.BPF_PROG_TYPE_PERF_EVENT) &&
    directName(btf, id) === 'bpf_user_pt_regs_t'
  )
    return undefined;
  const target = pointee(btf, id)!;
  if (target === 0 || ANY_CONTEXT.has(type)) return undefined;
  const found = btf.type(target);
  const name = btf.name(target);
  const word = found.kind === 'int' && found.size === 8;
  const struct = found.kind === 'struct' || found.kind === 'union';
  if (type === PROG.BPF_PROG_TYPE_TRACING) {
    if (attach === ATTACH.BPF_TRACE_ITER ? struct && name.startsWith('bpf_iter__') : word) return undefined;
    if (attach === ATTACH.BPF_TRACE_RAW_TP && struct && name === 'bpf_raw_tracepoint_args') return undefined;
  }
  if (WORD_CONTEXT.has(type) && word) return undefined;
  if ((type === PROG.BPF_PROG_TYPE_KPROBE || type === PROG.BPF_PROG_TYPE_PERF_EVENT) && struct && name === 'pt_regs')
    return undefined;
  const wanted = type === PROG.BPF_PROG_TYPE_KPROBE ? 'pt_regs' : CONTEXT_NAMES[type]?.[0];
  if (wanted === undefined) return 'void pointer';
  return struct && name === wanted ? undefined : `\`struct ${wanted} *\``;
}

/** Tracepoints, syscall programs, replacements of functions. */
const ANY_CONTEXT = new Set([PROG.BPF_PROG_TYPE_TRACEPOINT, PROG.BPF_PROG_TYPE_EXT, PROG.BPF_PROG_TYPE_SYSCALL]);
/** Contexts that are arrays of words: raw tracepoints, struct_ops, LSM. */
const WORD_CONTEXT = new Set([
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  PROG.BPF_PROG_TYPE_STRUCT_OPS,
  PROG.BPF_PROG_TYPE_LSM,
]);

function pointee(btf: Btf, id: BtfId): BtfId | undefined {
  const type = btf.type(id);
  return type.kind === 'ptr' ? btf.resolve(type.type) : undefined;
}

/** The typedef name behind a pointer, if it is one. */
function directName(btf: Btf, id: BtfId): string {
  const type = btf.type(id);
  if (type.kind !== 'ptr' || type.type === 0) return '';
  let at = type.type;
  for (let i = 0; i < 8 && at !== 0; i++) {
    const one = btf.type(at);
    if (one.kind === 'const' || one.kind === 'volatile' || one.kind === 'restrict' || one.kind === 'type_tag')
      at = one.type;
    else return btf.name(at);
  }
  return '';
}

/** The arguments of a call fulfil what the function was checked for. */
export function checkArguments(x: Explorer, sub: Subprogram): void {
  try {
    argumentsOf(x, sub).forEach((arg, i) => {
      checkArgument(x, arg, i);
    });
  } catch (error) {
    if (!(error instanceof Refusal) || error.unsupported) throw error;
    x.refuse(`Caller passes invalid args into func#${sub.index} ('${sub.name}')`);
  }
}

function checkArgument(x: Explorer, arg: Argument, i: number): void {
  const register = i + 1;
  const reg = x.frame.regs[register]!;
  switch (arg.kind) {
    case 'scalar':
      if (reg.type !== SCALAR) x.refuse(`R${register} is not a scalar`);
      return;
    case 'ctx':
      if (reg.type !== PTR_TO_CTX) x.refuse(`arg#${i} expects pointer to ctx`);
      checkPlainOffset(x, reg, register, false);
      return;
    case 'mem': {
      if (!isNull(reg)) {
        const saved = reg;
        if (mayBeNull(reg.type)) x.set(register, notNull(reg));
        checkHelperMemory(x, register, arg.size, 'read', true, undefined);
        checkHelperMemory(x, register, arg.size, 'write', true, undefined);
        x.set(register, saved);
      }
      if (!arg.nullable && mayBeNull(reg.type)) x.refuse(`arg#${i} is expected to be non-NULL`);
      return;
    }
    case 'arena':
      if (reg.type !== PTR_TO_ARENA && reg.type !== SCALAR)
        x.refuse(`R${register} is not a pointer to arena or scalar.`);
      return;
    case 'dynptr':
      if (reg.type === CONST_PTR_TO_DYNPTR) checkPlainOffset(x, reg, register, false);
      if (dynptrOf(x, reg) === undefined) x.refuse(`Expected an initialized dynptr as arg #${i}`);
      return;
    case 'btf': {
      if (isNull(reg) && arg.nullable) return;
      const allowed = [PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED, PTR_TO_BTF_ID | MEM_RCU];
      const type = arg.nullable ? reg.type & ~MAYBE_NULL : reg.type;
      if (!allowed.includes(type))
        x.refuse(`R${register} type=${typeName(reg.type)} expected=ptr_, trusted_ptr_, rcu_ptr_`);
      if (
        baseOf(reg.type) === PTR_TO_BTF_ID &&
        !structMatches(x, reg.btf!, reg.btfId, reg.off, x.kernelBtf!, arg.id, false)
      )
        x.refuse(`R${register} is of type ${reg.btf!.name(reg.btfId)} but ${arg.name} is expected`);
      return;
    }
  }
}

/** The registers that a function starts with when it is checked by itself. */
export function setUpArguments(x: Explorer, sub: Subprogram, frame: Frame): void {
  const args = argumentsOf(x, sub);
  if (sub.isExceptionCallback) {
    frame.exceptionCallback = true;
    if (args.length !== 1 || args[0]!.kind !== 'scalar')
      throw new Refusal('exception cb only supports single integer argument', sub.start);
  }
  args.forEach((arg, i) => {
    switch (arg.kind) {
      case 'scalar':
        frame.regs[i + 1] = unknown();
        break;
      case 'ctx':
        frame.regs[i + 1] = pointer(PTR_TO_CTX);
        break;
      case 'mem': {
        const reg = pointer(PTR_TO_MEM | (arg.nullable ? MAYBE_NULL : 0));
        reg.aux = arg.size;
        reg.id = x.freshId();
        frame.regs[i + 1] = reg;
        break;
      }
      case 'arena': {
        const reg = unknown();
        reg.type = PTR_TO_ARENA;
        frame.regs[i + 1] = reg;
        break;
      }
      case 'dynptr': {
        const reg = pointer(CONST_PTR_TO_DYNPTR);
        reg.aux = DYNPTR.local;
        reg.aux2 = 1;
        reg.id = x.freshId();
        frame.regs[i + 1] = reg;
        break;
      }
      case 'btf': {
        const reg = pointer(PTR_TO_BTF_ID | PTR_TRUSTED | (arg.nullable ? MAYBE_NULL : 0));
        reg.btf = x.kernelBtf;
        reg.btfId = arg.id;
        reg.id = x.freshId();
        frame.regs[i + 1] = reg;
        break;
      }
    }
  });
}

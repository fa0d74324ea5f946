/** Pointers to objects of the kernel that are kept in maps. */
import type { Btf } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import {
  baseOf,
  MAYBE_NULL,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  NON_OWN_REF,
  PTR_TO_BTF_ID,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  typeName,
} from '../state/kinds.ts';
import { isConst, isNull, pointer, type Reg } from '../state/reg.ts';
import { inRcu, structMatches } from './btf-access.ts';
import { type Field, fieldsOf, fieldsOfMap, hasField } from './fields.ts';
import { checkPlainOffset } from './regions.ts';

const RCU_OBJECTS = new Set(['prog_test_ref_kfunc', 'cgroup', 'bpf_cpumask', 'task_struct', 'bpf_crypto_ctx']);

/** The type that a field points to: the kernel's, if the kernel has one of the name, else the program's own. */
export function kptrTarget(
  x: Explorer,
  field: Field,
): { readonly btf: Btf; readonly id: number; readonly name: string } {
  const own = x.program.input.btf!;
  const name = own.name(field.target!);
  const kernel = x.kernelBtf?.find(name, 'struct');
  return kernel !== undefined ? { btf: x.kernelBtf!, id: kernel, name } : { btf: own, id: field.target!, name };
}

/** A load or store of a map value at a kptr; undefined when there is none at the offset, a register for loads. */
export function kptrAccess(x: Explorer, p: Reg, off: number, value: number, wanted: boolean): Reg | undefined {
  if (!isConst(p)) return undefined;
  const field = fieldsOfMap(x, p.map!).find((one) => one.kind === 'kptr' && one.offset === off + p.vl);
  if (field === undefined) return undefined;
  const code = x.program.code[x.insn]!;
  const load = (code & 7) === 1;
  if ((code & 0xe0) !== 0x60) x.refuse('kptr in map can only be accessed using BPF_MEM instruction mode');
  if (!load && field.tag !== 'kptr_untrusted') x.refuse('store to referenced kptr disallowed');
  if (load) return wanted ? loadKptr(x, field) : undefined;
  if (value < 0) {
    if (x.program.imm[x.insn] !== 0) x.refuse(`BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`);
    return undefined;
  }
  const reg = x.frame.regs[value]!;
  if (!isNull(reg)) matchKptr(x, field, reg, value);
  return undefined;
}

function loadKptr(x: Explorer, field: Field): Reg {
  const { btf, id, name } = kptrTarget(x, field);
  const kernel = btf === x.kernelBtf;
  let flags = MAYBE_NULL;
  const rcuSafe = field.tag === 'percpu_kptr' || (field.tag === 'kptr' && (!kernel || RCU_OBJECTS.has(name)));
  if (rcuSafe && inRcu(x)) {
    flags |= MEM_RCU;
    if (field.tag === 'percpu_kptr') flags |= MEM_PERCPU;
    else if (!kernel) flags |= MEM_ALLOC;
    if (!kernel) {
      const fields = fieldsOf(btf, id);
      if (hasField(fields, 'bpf_list_node') || hasField(fields, 'bpf_rb_node')) flags |= NON_OWN_REF;
    }
  } else flags |= PTR_UNTRUSTED;
  const reg = pointer(PTR_TO_BTF_ID | flags);
  reg.btf = btf;
  reg.btfId = id;
  reg.id = x.freshId();
  return reg;
}

export function matchKptr(x: Explorer, field: Field, reg: Reg, register: number): void {
  const { btf, id, name } = kptrTarget(x, field);
  const untrusted = field.tag === 'kptr_untrusted';
  const bad = (): never => {
    const own = baseOf(reg.type) === PTR_TO_BTF_ID && reg.btf !== undefined ? reg.btf.name(reg.btfId) : '';
    x.refuse(
      `invalid kptr access, R${register} type=${typeName(reg.type)}${own} expected=ptr_${name}${untrusted ? ` or untrusted_ptr_${name}` : ''}`,
    );
  };
  if (baseOf(reg.type) !== PTR_TO_BTF_ID) bad();
  const kernel = reg.btf === x.kernelBtf;
  let allowed = kernel ? MAYBE_NULL | PTR_TRUSTED | MEM_RCU : MAYBE_NULL | MEM_ALLOC;
  if (kernel && untrusted) allowed |= PTR_UNTRUSTED;
  if (!kernel && field.tag === 'percpu_kptr') allowed |= MEM_PERCPU;
  if (reg.type & ~0xff & ~allowed) bad();
  checkPlainOffset(x, reg, register, true);
  if (!structMatches(x, reg.btf!, reg.btfId, reg.off, btf, id, !untrusted)) bad();
}

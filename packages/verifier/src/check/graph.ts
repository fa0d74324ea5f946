/** Linked lists and trees of allocated objects: roots under a lock, nodes that are owned or only seen. */
import type { Btf, BtfId } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import { MEM_ALLOC, MEM_RCU, NON_OWN_REF, PTR_TO_BTF_ID, PTR_TO_MAP_VALUE } from '../state/kinds.ts';
import { isConst, pointer, type Reg } from '../state/reg.ts';
import { enter } from './calls.ts';
import { type FieldKind, fieldsOf, fieldsOfReg, hasField } from './fields.ts';

export interface GraphRoot {
  readonly btf: Btf;
  /** The struct of the nodes, and where the node lies in it. */
  readonly value: BtfId;
  readonly offset: number;
  readonly kind: FieldKind;
}

const NODE_OF: Partial<Record<FieldKind, FieldKind>> = { bpf_list_head: 'bpf_list_node', bpf_rb_root: 'bpf_rb_node' };

export function graphRootArgument(x: Explorer, i: number, reg: Reg, kind: 'bpf_list_head' | 'bpf_rb_root'): GraphRoot {
  const register = i + 1;
  if (reg.type !== PTR_TO_MAP_VALUE && reg.type !== (PTR_TO_BTF_ID | MEM_ALLOC))
    x.refuse(`arg#${i} expected pointer to map value or allocated object`);
  if (reg.type !== PTR_TO_MAP_VALUE && reg.ref === 0) x.refuse('allocated object must be referenced');
  if (!isConst(reg)) x.refuse(`R${register} doesn't have constant offset. ${kind} has to be at the constant offset`);
  const at = reg.off + reg.vl;
  const fields = fieldsOfReg(x, reg);
  if (!fields.some((one) => one.kind === kind && one.offset === at)) x.refuse(`${kind} not found at offset=${at}`);
  const lock = fields.find((one) => one.kind === 'bpf_spin_lock');
  const owner: object = reg.type === PTR_TO_MAP_VALUE ? reg.map! : reg.btf!;
  if (x.state.lockOwner !== owner || x.state.lockId !== reg.id)
    x.refuse(`bpf_spin_lock at off=${lock?.offset ?? 0} must be held for ${kind}`);
  const btf = reg.type === PTR_TO_MAP_VALUE ? x.program.input.btf! : reg.btf!;
  const root = containsOf(btf, reg.type === PTR_TO_MAP_VALUE ? reg.map!.valueType : reg.btfId, at, kind);
  if (root === undefined) x.unsupported(`a ${kind} without a tag that says what it contains`);
  return root;
}

/** The declaration tag `contains:struct:member` of the root at an offset. */
function containsOf(btf: Btf, type: BtfId, offset: number, kind: FieldKind): GraphRoot | undefined {
  let id = btf.resolve(type);
  let at = offset;
  for (let depth = 0; depth < 8 && id !== 0; depth++) {
    const one = btf.type(id);
    let tags: string[] = [];
    let next: BtfId | undefined;
    let start = 0;
    if (one.kind === 'datasec') {
      for (const variable of one.vars) {
        if (at < variable.offset || at >= variable.offset + variable.size) continue;
        const inner = btf.type(variable.type);
        if (inner.kind !== 'var') return undefined;
        tags = btf.tagsOf(variable.type);
        next = inner.type;
        start = variable.offset;
      }
    } else if (one.kind === 'struct') {
      one.members.forEach((member, i) => {
        const from = member.bitOffset / 8;
        if (at < from || at >= from + btf.sizeOf(member.type)) return;
        tags = btf.tagsOf(id, i);
        next = member.type;
        start = from;
      });
    } else if (one.kind === 'array') {
      const size = btf.sizeOf(one.type);
      next = one.type;
      start = Math.floor(at / size) * size;
    }
    const tag = tags.find((text) => text.startsWith('contains:'));
    if (tag !== undefined) {
      const [, struct, member] = tag.split(':');
      const value = btf.find(struct ?? '', 'struct');
      const body = value === undefined ? undefined : btf.type(value);
      const node = body?.kind === 'struct' ? body.members.find((field) => field.name === member) : undefined;
      return value === undefined || node === undefined ? undefined : { btf, value, offset: node.bitOffset / 8, kind };
    }
    if (next === undefined) return undefined;
    at -= start;
    id = btf.resolve(next);
  }
  return undefined;
}

export function graphNodeArgument(x: Explorer, reg: Reg, root: GraphRoot, kind: FieldKind): void {
  if (!isConst(reg)) x.refuse(`R2 doesn't have constant offset. ${kind} has to be at the constant offset`);
  const at = reg.off + reg.vl;
  if (!fieldsOf(reg.btf, reg.btfId).some((one) => one.kind === kind && one.offset === at))
    x.refuse(`${kind} not found at offset=${at}`);
  const rootName = root.btf.name(root.value);
  const ownName = reg.btf!.name(reg.btfId);
  if (reg.btf !== root.btf || reg.btfId !== root.value)
    x.refuse(
      `operation on ${root.kind} expects arg#1 ${NODE_OF[root.kind]} at offset=${root.offset} in struct ${rootName}, but arg is at offset=${at} in struct ${ownName}`,
    );
  if (at !== root.offset)
    x.refuse(`arg#1 offset=${at}, but expected ${NODE_OF[root.kind]} at offset=${root.offset} in struct ${rootName}`);
}

/** A node that was taken out or looked at. */
export function graphNode(root: GraphRoot): Reg {
  const reg = pointer(PTR_TO_BTF_ID | MEM_ALLOC);
  reg.btf = root.btf;
  reg.btfId = root.value;
  reg.off = root.offset;
  return reg;
}

const seen = (reg: Reg): number => NON_OWN_REF | (hasField(fieldsOf(reg.btf, reg.btfId), 'bpf_refcount') ? MEM_RCU : 0);

/** The object belongs to the graph from now on: what pointed to it only sees it until the lock is released. */
export function addToGraph(x: Explorer, ref: number): void {
  if (!x.state.refs.some((one) => one.id === ref))
    x.refuse('verifier internal error: ref state missing for ref_obj_id');
  x.eachReg(x.state, (reg) => {
    if (reg.ref !== ref) return reg;
    const now = reg.clone();
    now.ref = 0;
    now.type |= seen(now);
    return now;
  });
  x.release(ref);
}

export function pushTreeCallback(x: Explorer, subprogram: number, root: GraphRoot): void {
  const sub = x.program.subprograms[subprogram]!;
  sub.isCallback = true;
  const state = x.fork(sub.start, x.insn);
  const callee = enter(x, state, sub, x.insn);
  callee.callback = true;
  callee.treeCallback = true;
  callee.returnMost = 1;
  for (const r of [1, 2]) {
    const reg = graphNode(root);
    reg.type |= seen(reg);
    callee.regs[r] = reg;
  }
  state.callbackUnrollDepth += 1;
  state.frames[state.frames.length - 2]!.callbackDepth += 1;
  x.frame.callbackDepth = 0;
}

/** In the comparison of a tree, where the lock of the tree is held. */
export const inTreeCallback = (x: Explorer): boolean => x.frame.treeCallback;

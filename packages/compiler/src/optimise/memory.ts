import { helperById } from '@skep/abi';
import type { CallInst, Func, Inst, Value } from '../ir/ir.ts';
import { forEachOperand, forEachUser } from '../ir/uses.ts';

/** Follows constant and variable additions to what the address starts from. */
export function rootOf(address: Value): Value {
  let at = address;
  while (at.kind === 'ptradd') at = at.base;
  return at;
}

/** Memory that is told apart: what is stored to one class is never seen by a load of another. */
export type MemoryClass = number;

const CONSTANT: MemoryClass = 0;
const CONTEXT: MemoryClass = 1;
/** Maps, packets, global variables, whatever pointers lead to. */
const OTHER: MemoryClass = 2;
const FIRST_ALLOCA: MemoryClass = 3;
const NOTHING: readonly MemoryClass[] = [];
/** The allocas beyond share the last class. */
const MAX_CLASSES = 128;

/**
 * Which memory instructions write. An alloca is a class of its own; it escapes when its address is known to more than
 * the accesses and helper calls that name it. Helpers keep no pointer to the stack beyond the call, and do not write
 * through what their prototype calls `const`.
 */
export class MemoryModel {
  private readonly allocas = new Map<Value, MemoryClass>();
  private readonly contextEscapes: boolean;
  /** What a store through an unknown pointer may write. */
  private readonly unknown: readonly MemoryClass[];
  private readonly everything: readonly MemoryClass[];
  private readonly escaping: ReadonlySet<Value>;

  constructor(func: Func) {
    this.escaping = escapingRoots(func);
    this.contextEscapes = func.params.some((param) => this.escaping.has(param));
    const shared = new Set<MemoryClass>([OTHER]);
    for (const inst of func.blocks[0]?.insts ?? []) {
      if (inst.kind !== 'alloca') continue;
      const own = Math.min(FIRST_ALLOCA + this.allocas.size, MAX_CLASSES - 1);
      this.allocas.set(inst, own);
      if (this.escaping.has(inst)) shared.add(own);
    }
    this.unknown = [...shared, ...(this.contextEscapes ? [CONTEXT] : [])];
    this.everything = [CONTEXT, OTHER, ...new Set(this.allocas.values())];
  }

  get classes(): number {
    return Math.min(FIRST_ALLOCA + this.allocas.size, MAX_CLASSES);
  }

  classOf(address: Value): MemoryClass {
    const root = rootOf(address);
    if (root.kind === 'alloca') return this.allocas.get(root) ?? OTHER;
    if (isContext(root)) return CONTEXT;
    return root.kind === 'global' && root.constant ? CONSTANT : OTHER;
  }

  written(inst: Inst): readonly MemoryClass[] {
    switch (inst.kind) {
      case 'store':
      case 'atomic':
        return this.writtenAt(inst.address);
      case 'memcpy':
      case 'memset':
        return this.writtenAt(inst.target);
      case 'load':
        // A volatile load is a point in time, which other reads of shared memory do not cross.
        return inst.volatile && this.classOf(inst.address) === OTHER ? [OTHER] : NOTHING;
      case 'call':
        return this.writtenBy(inst);
      case 'barrier':
        return inst.value === undefined ? this.everything : NOTHING;
      case 'asm':
        return this.everything;
      default:
        return NOTHING;
    }
  }

  private writtenAt(address: Value): readonly MemoryClass[] {
    const root = rootOf(address);
    if (root.kind === 'alloca') {
      const own = this.classOf(root);
      return this.escaping.has(root) ? [own, OTHER] : [own];
    }
    if (isContext(root)) return this.contextEscapes ? [CONTEXT, OTHER] : [CONTEXT];
    return this.unknown;
  }

  private writtenBy(call: CallInst): readonly MemoryClass[] {
    if (call.callee.kind !== 'helper') return [CONTEXT, ...this.unknown];
    const params = helperById(call.callee.id)?.params;
    const written = new Set<MemoryClass>(this.unknown);
    for (const [i, arg] of call.args.entries()) {
      const root = rootOf(arg);
      if (isContext(root)) written.add(CONTEXT);
      else if (root.kind === 'alloca' && !params?.[i]?.type.startsWith('const ')) written.add(this.classOf(root));
    }
    return [...written];
  }
}

function isContext(root: Value): boolean {
  return root.kind === 'param' && root.origin === 'context';
}

/**
 * Allocas and contexts that may be reached through other values than constant and variable additions to them. Being
 * handed to a call lets a context be changed by that call only.
 */
function escapingRoots(func: Func): Set<Value> {
  const escaping = new Set<Value>();
  const add = (value: Value) => {
    const root = rootOf(value);
    if (root.kind === 'alloca' || isContext(root)) escaping.add(root);
  };
  forEachUser(func, (user) => {
    switch (user.kind) {
      case 'load':
      case 'ptradd':
      case 'memcpy':
      case 'memset':
      case 'compare':
        return;
      case 'atomic':
      case 'store':
        add(user.value);
        return;
      case 'call':
        if (user.callee.kind === 'helper') return;
        for (const arg of user.args) if (!isContext(rootOf(arg))) add(arg);
        return;
      default:
        forEachOperand(user, add);
    }
  });
  return escaping;
}

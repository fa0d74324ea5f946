import type { CallInst, Func, Value } from '../ir/ir.ts';
import { forEachOperand, forEachUser } from '../ir/uses.ts';

/** Kinds of memory that cannot be the same: what is stored to one is never seen by a load of another. */
export type Region = 'stack' | 'context' | 'constant' | 'other';

/** Follows constant and variable additions to what the address starts from. */
export function rootOf(address: Value): Value {
  let at = address;
  while (at.kind === 'ptradd') at = at.base;
  return at;
}

export function regionOf(address: Value): Region {
  const root = rootOf(address);
  if (root.kind === 'alloca') return 'stack';
  if (root.kind === 'param' && root.origin === 'context') return 'context';
  if (root.kind === 'global' && root.constant) return 'constant';
  return 'other';
}

/**
 * Allocas and contexts that may be reached through other values than constant and variable additions to them; being
 * handed to a call lets a context be changed by that call only.
 */
export function escapingRoots(func: Func): Set<Value> {
  const escaping = new Set<Value>();
  const add = (value: Value) => {
    const root = rootOf(value);
    if (root.kind === 'alloca' || (root.kind === 'param' && root.origin === 'context')) escaping.add(root);
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
        for (const arg of user.args) if (regionOf(arg) !== 'context') add(arg);
        return;
      default:
        forEachOperand(user, add);
    }
  });
  return escaping;
}

/** The call is handed the context, and so may change what it shows. */
export function takesContext(call: CallInst): boolean {
  return call.args.some((arg) => regionOf(arg) === 'context');
}

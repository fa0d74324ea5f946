import type { Diagnostic, Span } from '@skep/base';
import type { Func, Inst, Module, Param, Value } from '../ir/ir.ts';
import { targetsOf } from '../ir/uses.ts';
import { contextFieldChosen, contextFieldVaries } from './diagnostics.ts';

/**
 * Fields of the context that no verifier lets a program read: through an address that was chosen between two, or at a
 * distance that is not constant. What the optimiser could fold is no more there when this is asked.
 */
export function findContextAccess(module: Module): Diagnostic[] {
  return module.functions.flatMap((func) => (func.params[0]?.origin === 'context' ? accessesOf(func) : []));
}

function accessesOf(func: Func): Diagnostic[] {
  const chosen = chosenAddresses(func);
  const found: Diagnostic[] = [];
  for (const { insts } of func.blocks) {
    for (const inst of insts) {
      const address = addressIn(inst);
      if (address === undefined) continue;
      const { root, varies } = wayTo(address);
      const taken = root.kind === 'param' ? chosen.get(root) : undefined;
      if (taken !== undefined) found.push(contextFieldChosen(inst.span ?? func.span, taken.span));
      else if (varies !== undefined && isContext(root)) found.push(contextFieldVaries(inst.span ?? func.span));
    }
  }
  return found;
}

interface Taken {
  readonly span: Span | undefined;
}

/** Parameters of blocks that get the address of a field of the context from somewhere, and where that is computed. */
function chosenAddresses(func: Func): Map<Param, Taken> {
  const chosen = new Map<Param, Taken>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const { term } of func.blocks) {
      for (const { block, args } of targetsOf(term)) {
        for (const [i, param] of block.params.entries()) {
          const arg = args[i];
          if (arg === undefined || param.type !== 'ptr' || chosen.has(param)) continue;
          const { root, first } = wayTo(arg);
          const before = root.kind === 'param' ? chosen.get(root) : undefined;
          if (before === undefined && (first === undefined || !isContext(root))) continue;
          chosen.set(param, before ?? { span: first?.span });
          changed = true;
        }
      }
    }
  }
  return chosen;
}

/** Back over additions: where an address starts, the last addition, and one that is not constant. */
function wayTo(address: Value): { root: Value; first: Inst | undefined; varies: Inst | undefined } {
  let root = address;
  let first: Inst | undefined;
  let varies: Inst | undefined;
  while (root.kind === 'ptradd') {
    first ??= root;
    if (root.offset.kind !== 'const' && root.offset.kind !== 'core') varies = root;
    root = root.base;
  }
  return { root, first, varies };
}

function isContext(value: Value): boolean {
  return value.kind === 'param' && value.origin === 'context';
}

function addressIn(inst: Inst): Value | undefined {
  return inst.kind === 'load' || inst.kind === 'store' || inst.kind === 'atomic' ? inst.address : undefined;
}

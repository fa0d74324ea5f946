import { type Diagnostic, Diagnostics } from '@skep/base';
import type { VariableRange } from '@skep/object';
import type { Func, Module } from '../ir/ir.ts';
import { forEachOperand } from '../ir/uses.ts';
import { allocateRegisters } from './allocate.ts';
import type { LineOptions } from './btf.ts';
import { checkCallDepth } from './call-depth.ts';
import { type EmittedFunction, emitFunction } from './emit.ts';
import { layoutFrame } from './frame.ts';
import { listFunctions } from './list.ts';
import { type Cpu, type CpuVersion, cpuOf } from './machine.ts';
import { buildObject } from './object.ts';
import { orderBlocks } from './order.ts';
import { selectFunction } from './select.ts';
import { shareTails } from './tails.ts';
import { tidy } from './tidy.ts';

export interface EmitOptions extends LineOptions {
  readonly cpu: CpuVersion;
  /** As debug information names it where the source is not known. */
  readonly fileName: string;
  readonly debug: true;
}

export interface EmittedObject {
  /** An ELF file for libbpf and every other loader. */
  readonly object: Uint8Array;
  /** `insns`: 8-byte slots; `stack`: bytes. */
  readonly functions: readonly { readonly name: string; readonly insns: number; readonly stack: number }[];
  /** Empty unless the IR has notes of variables. */
  readonly variables: readonly VariableRange[];
  readonly warnings: readonly Diagnostic[];
}

/**
 * The back end: from the IR of a module to an ELF object. Adds to `module.types`.
 * @throws SkepError E1300 … E1307
 */
export function emitObject(module: Module, options: EmitOptions): EmittedObject {
  const diagnostics = new Diagnostics();
  const functions = emitFunctions(module, options.cpu, diagnostics);
  const object = buildObject(module, functions, options.fileName, options);
  return {
    object,
    functions: [...functions.values()].map(({ func, slots, stack }) => ({ name: func.name, insns: slots, stack })),
    variables: [...functions.values()].flatMap(({ ranges }) => ranges),
    warnings: diagnostics.list,
  };
}

/** The code as assembly with source lines, for people. @throws SkepError E1300 … E1307 */
export function emitAssembly(module: Module, options: EmitOptions): string {
  return listFunctions(module, emitFunctions(module, options.cpu), options.fileName);
}

/** The code of every function with a body; warnings are left in `diagnostics`. @throws SkepError */
export function emitFunctions(
  module: Module,
  version: CpuVersion,
  diagnostics = new Diagnostics(),
): Map<Func, EmittedFunction> {
  const cpu = cpuOf(version);
  const taken = addressTaken(module);
  const out = new Map<Func, EmittedFunction>();
  for (const func of module.functions) {
    if (func.blocks.length > 0) out.set(func, compileFunction(func, cpu, taken, diagnostics));
  }
  diagnostics.check();
  checkCallDepth(out, diagnostics);
  return out;
}

function compileFunction(func: Func, cpu: Cpu, taken: ReadonlySet<Func>, diagnostics: Diagnostics): EmittedFunction {
  const fn = selectFunction(func, cpu, taken, diagnostics);
  if (func.naked) return emitFunction(fn, cpu, 0, diagnostics);
  orderBlocks(fn);
  allocateRegisters(fn, diagnostics);
  tidy(fn);
  if (shareTails(fn)) tidy(fn);
  const stack = layoutFrame(fn, diagnostics);
  return emitFunction(fn, cpu, stack, diagnostics);
}

/** Functions that are used otherwise than by calling them: the kernel may call them back. */
function addressTaken(module: Module): Set<Func> {
  const taken = new Set<Func>();
  const visit = (value: { readonly kind: string }) => {
    if (value.kind === 'func') taken.add(value as Func);
  };
  for (const func of module.functions) {
    for (const block of func.blocks) {
      for (const inst of block.insts) forEachOperand(inst, visit);
      forEachOperand(block.term, visit);
    }
  }
  for (const global of module.globals) for (const one of global.relocations) visit(one.target);
  return taken;
}

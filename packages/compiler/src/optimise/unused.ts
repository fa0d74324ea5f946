import type { Func, Global, Module, Value } from '../ir/ir.ts';
import { forEachOperand, forEachUser } from '../ir/uses.ts';

/** Drops static functions that nothing calls or refers to any more. */
export function removeUnusedFunctions(module: Module): void {
  const used = new Set<Func>();
  const work: Func[] = [];
  const use = (func: Func) => {
    if (used.has(func)) return;
    used.add(func);
    work.push(func);
  };
  for (const func of module.functions)
    if (func.linkage !== 'static' || func.section !== undefined || func.used) use(func);
  for (const global of module.globals)
    for (const one of global.relocations) if (one.target.kind === 'func') use(one.target);
  for (let func = work.pop(); func !== undefined; func = work.pop()) {
    forEachUser(func, (user) => {
      if (user.kind === 'call' && user.callee.kind === 'func') use(user.callee.func);
      forEachOperand(user, (value) => {
        if (value.kind === 'func') use(value);
      });
    });
  }
  const kept = module.functions.filter((func) => used.has(func));
  module.functions.splice(0, module.functions.length, ...kept);
}

/** Drops static variables and string literals that nothing refers to any more. */
export function removeUnusedGlobals(module: Module): void {
  const used = new Set<Value>();
  const work: Global[] = [];
  const use = (value: Value) => {
    if (value.kind !== 'global' || used.has(value)) return;
    used.add(value);
    work.push(value);
  };
  for (const global of module.globals)
    if (global.linkage !== 'static' || global.used || !PLAIN_SECTIONS.test(global.section)) use(global);
  for (const func of module.functions) forEachUser(func, (user) => forEachOperand(user, use));
  for (let global = work.pop(); global !== undefined; global = work.pop()) {
    for (const one of global.relocations) use(one.target);
  }
  const kept = module.globals.filter((global) => used.has(global));
  module.globals.splice(0, module.globals.length, ...kept);
}

/** Where the compiler puts variables by itself; what `SEC` names somebody wants there. */
const PLAIN_SECTIONS = /^\.(rodata|rodata\.str1\.1|data|bss)$/;

import { helperById } from '@skep/abi';
import { bytesOf, constant } from '../ir/constant.ts';
import type { CallInst, Const, Func, Global, LoadInst, Module, ScalarType, Value } from '../ir/ir.ts';
import { forEachOperand, forEachUser, replaceValues } from '../ir/uses.ts';

/**
 * Loads of what nobody writes become its contents: `const` variables unless read as `volatile` (those the loader sets),
 * and static variables that no function writes or hands out, such as `static int (*helper)(…) = (void *)1`.
 */
export function foldGlobals(module: Module): boolean {
  const fixed = findNeverWritten(module);
  let changed = false;
  for (const func of module.functions) {
    const replacements = new Map<Value, Value>();
    for (const block of func.blocks) {
      for (const inst of block.insts) {
        if (inst.kind !== 'load' || inst.volatile) continue;
        const value = contents(inst, (global) => fixed.has(global));
        if (value !== undefined) replacements.set(inst, value);
      }
    }
    replaceValues(func, replacements);
    if (replacements.size > 0) changed = true;
    if (resolveCalls(func)) changed = true;
  }
  return changed;
}

/** Calls through a pointer that turned out to be a number are calls of that helper; of a function, plain calls. */
export function resolveCalls(func: Func): boolean {
  let changed = false;
  for (const block of func.blocks) {
    for (const inst of block.insts) {
      if (inst.kind !== 'call' || inst.callee.kind !== 'pointer') continue;
      const callee = resolveCallee(inst.callee.pointer);
      if (callee === undefined) continue;
      inst.callee = callee;
      changed = true;
    }
  }
  return changed;
}

function resolveCallee(pointer: Value): CallInst['callee'] | undefined {
  const origin = pointer.kind === 'cast' && pointer.op === 'inttoptr' ? pointer.value : pointer;
  if (origin.kind === 'func') return { kind: 'func', func: origin };
  if (origin.kind !== 'const' || origin.value <= 0n || origin.value > 0x7fffffffn) return undefined;
  const id = Number(origin.value);
  return { kind: 'helper', id, name: helperById(id)?.name ?? `helper_${id}` };
}

/** Static variables of which every use is a load, not counting those in code that is not there. */
function findNeverWritten(module: Module): Set<Global> {
  const fixed = new Set<Global>();
  for (const global of module.globals) {
    if (!mayBeFolded(global)) continue;
    if (global.constant || global.linkage === 'static') fixed.add(global);
  }
  const reject = (value: Value) => {
    const root = rootGlobal(value)?.global;
    if (root !== undefined && !root.constant) fixed.delete(root);
  };
  for (const func of module.functions) {
    forEachUser(func, (user) => {
      if (user.kind === 'load' && !user.volatile) return;
      if (user.kind === 'ptradd' && user.offset.kind === 'const') return;
      if (user.kind === 'memcpy') reject(user.target);
      else forEachOperand(user, reject);
    });
  }
  for (const global of module.globals) for (const one of global.relocations) reject(one.target as Value);
  return fixed;
}

function mayBeFolded({ linkage, section }: Global): boolean {
  return linkage !== 'extern' && linkage !== 'weak' && !isLoaderSection(section);
}

/** Their contents are written by the loader or the kernel. */
function isLoaderSection(section: string): boolean {
  return section === '.maps' || section === 'maps' || section === '.kconfig' || section === '.ksyms';
}

function rootGlobal(value: Value): { global: Global; offset: number } | undefined {
  let offset = 0;
  let at = value;
  while (at.kind === 'ptradd') {
    offset += at.offset.kind === 'const' ? Number(at.offset.value) : Number.NaN;
    at = at.base;
  }
  return at.kind === 'global' ? { global: at, offset } : undefined;
}

/** What is loaded from something `const`, whose address may have become known by inlining. */
export function constantContents(inst: LoadInst): Value | undefined {
  return inst.volatile ? undefined : contents(inst, (global) => global.constant && mayBeFolded(global));
}

function contents(inst: LoadInst, isFixed: (global: Global) => boolean): Const | Func | Global | undefined {
  const root = rootGlobal(inst.address);
  if (root === undefined || !isFixed(root.global)) return undefined;
  const { global } = root;
  const start = root.offset + inst.offset;
  const size = bytesOf(inst.type as ScalarType);
  if (!Number.isSafeInteger(start) || start < 0 || start + size > global.size) return undefined;
  for (const one of global.relocations) {
    if (one.offset + 8 <= start || one.offset >= start + size) continue;
    return one.offset === start && inst.type === 'ptr' && one.addend === 0 ? one.target : undefined;
  }
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(global.init?.[start + i] ?? 0);
  return constant(inst.type as ScalarType, value);
}

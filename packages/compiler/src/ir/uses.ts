import type { Block, Func, Inst, Param, Target, Terminator, Value } from './ir.ts';

/**
 * Calls `visit` with every operand, in the order of the text form; of terminators, also the arguments of the edges. What
 * a note names is none: {@link mapOperands} keeps it right all the same.
 */
export function forEachOperand(user: Inst | Terminator, visit: (value: Value) => void): void {
  switch (user.kind) {
    case 'binary':
    case 'compare':
      visit(user.a);
      visit(user.b);
      return;
    case 'cast':
    case 'bswap':
    case 'known':
      visit(user.value);
      return;
    case 'select':
      visit(user.condition);
      visit(user.a);
      visit(user.b);
      return;
    case 'ptradd':
      visit(user.base);
      visit(user.offset);
      return;
    case 'load':
      visit(user.address);
      return;
    case 'store':
      visit(user.value);
      visit(user.address);
      return;
    case 'atomic':
      visit(user.address);
      visit(user.value);
      if (user.expected !== undefined) visit(user.expected);
      return;
    case 'memcpy':
      visit(user.target);
      visit(user.source);
      return;
    case 'memset':
      visit(user.target);
      visit(user.value);
      return;
    case 'call':
      if (user.callee.kind === 'pointer') visit(user.callee.pointer);
      for (const arg of user.args) visit(arg);
      return;
    case 'barrier':
    case 'return':
      if (user.value !== undefined) visit(user.value);
      return;
    case 'asm':
      for (const input of user.inputs) visit(input);
      return;
    case 'asm-result':
      visit(user.asm);
      return;
    case 'asm-goto':
      for (const input of user.asm.inputs) visit(input);
      for (const target of user.targets) for (const arg of target.args) visit(arg);
      for (const arg of user.otherwise.args) visit(arg);
      return;
    case 'jump':
      for (const arg of user.target.args) visit(arg);
      return;
    case 'branch':
      visit(user.condition);
      for (const arg of user.then.args) visit(arg);
      for (const arg of user.else.args) visit(arg);
      return;
    case 'switch':
      visit(user.value);
      for (const one of user.cases) for (const arg of one.target.args) visit(arg);
      for (const arg of user.otherwise.args) visit(arg);
      return;
    case 'alloca':
    case 'core':
    case 'note':
    case 'unreachable':
      return;
  }
}

/** Replaces every operand by what `map` makes of it, in place. */
export function mapOperands(user: Inst | Terminator, map: (value: Value) => Value): void {
  switch (user.kind) {
    case 'binary':
    case 'compare':
      user.a = map(user.a);
      user.b = map(user.b);
      return;
    case 'cast':
    case 'bswap':
    case 'known':
      user.value = map(user.value);
      return;
    case 'select':
      user.condition = map(user.condition);
      user.a = map(user.a);
      user.b = map(user.b);
      return;
    case 'ptradd':
      user.base = map(user.base);
      user.offset = map(user.offset);
      return;
    case 'load':
      user.address = map(user.address);
      return;
    case 'store':
      user.value = map(user.value);
      user.address = map(user.address);
      return;
    case 'atomic':
      user.address = map(user.address);
      user.value = map(user.value);
      if (user.expected !== undefined) user.expected = map(user.expected);
      return;
    case 'memcpy':
      user.target = map(user.target);
      user.source = map(user.source);
      return;
    case 'memset':
      user.target = map(user.target);
      user.value = map(user.value);
      return;
    case 'call':
      if (user.callee.kind === 'pointer') {
        const pointer = map(user.callee.pointer);
        if (pointer !== user.callee.pointer) user.callee = { kind: 'pointer', pointer };
      }
      mapList(user.args, map);
      return;
    case 'barrier':
    case 'note':
    case 'return':
      if (user.value !== undefined) user.value = map(user.value);
      return;
    case 'asm':
      mapList(user.inputs, map);
      return;
    case 'asm-result':
      user.asm = map(user.asm);
      return;
    case 'asm-goto':
      mapList(user.asm.inputs, map);
      for (const target of user.targets) mapList(target.args, map);
      mapList(user.otherwise.args, map);
      return;
    case 'jump':
      mapList(user.target.args, map);
      return;
    case 'branch':
      user.condition = map(user.condition);
      mapList(user.then.args, map);
      mapList(user.else.args, map);
      return;
    case 'switch':
      user.value = map(user.value);
      for (const one of user.cases) mapList(one.target.args, map);
      mapList(user.otherwise.args, map);
      return;
    case 'alloca':
    case 'core':
    case 'unreachable':
      return;
  }
}

function mapList(list: Value[], map: (value: Value) => Value): void {
  for (let i = 0; i < list.length; i++) list[i] = map(list[i]!);
}

/** The edges that leave a block, in the order of the text form. A block may be reached by several of them. */
export function targetsOf(term: Terminator): readonly Target[] {
  switch (term.kind) {
    case 'jump':
      return [term.target];
    case 'branch':
      return [term.then, term.else];
    case 'switch':
      return [...term.cases.map((one) => one.target), term.otherwise];
    case 'asm-goto':
      return [...term.targets, term.otherwise];
    case 'return':
    case 'unreachable':
      return [];
  }
}

/** Instructions of all blocks and their terminators. */
export function forEachUser(func: Func, visit: (user: Inst | Terminator, block: Block) => void): void {
  for (const block of func.blocks) {
    for (const inst of block.insts) visit(inst, block);
    visit(block.term, block);
  }
}

/**
 * Replaces values all over the function in one sweep. Replacements may themselves be replaced; chains are followed and
 * shortened, so a pass can collect them as it goes and apply them once.
 */
export function replaceValues(func: Func, replacements: Map<Value, Value>): void {
  if (replacements.size === 0) return;
  const map = (value: Value) => resolve(replacements, value);
  forEachUser(func, (user) => mapOperands(user, map));
}

/** Where the chain of replacements that starts at `value` ends. */
export function resolve(replacements: Map<Value, Value>, value: Value): Value {
  let end = replacements.get(value);
  if (end === undefined) return value;
  for (let next = replacements.get(end); next !== undefined; next = replacements.get(end)) end = next;
  for (let at = value; at !== end; ) {
    const next = replacements.get(at)!;
    replacements.set(at, end);
    at = next;
  }
  return end;
}

/** How often each instruction and parameter is used; absent means never. */
export function countUses(func: Func): Map<Inst | Param, number> {
  const counts = new Map<Inst | Param, number>();
  forEachUser(func, (user) =>
    forEachOperand(user, (value) => {
      if (isLocal(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
    }),
  );
  return counts;
}

/** Values that exist only inside of one function: instructions and parameters. */
export function isLocal(value: Value): value is Inst | Param {
  return value.kind !== 'const' && value.kind !== 'undef' && value.kind !== 'global' && value.kind !== 'func';
}

/** May be removed when nobody uses it: reads nothing that removal could be noticed by, and writes nothing. */
export function isRemovable(inst: Inst): boolean {
  switch (inst.kind) {
    case 'load':
      return !inst.volatile;
    case 'store':
    case 'atomic':
    case 'memcpy':
    case 'memset':
    case 'call':
    case 'barrier':
    case 'asm':
    case 'note':
      return false;
    default:
      return true;
  }
}

/** A copy with the same operands; lists are copied. */
export function cloneInst(inst: Inst): Inst {
  if (inst.kind === 'call') return { ...inst, args: [...inst.args] };
  return inst.kind === 'asm' ? { ...inst, inputs: [...inst.inputs] } : { ...inst };
}

/** A copy with the same operands and blocks; targets and lists are copied. */
export function cloneTerminator(term: Terminator): Terminator {
  switch (term.kind) {
    case 'jump':
      return { ...term, target: cloneTarget(term.target) };
    case 'branch':
      // biome-ignore lint/suspicious/noThenProperty: nobody awaits a terminator
      return { ...term, then: cloneTarget(term.then), else: cloneTarget(term.else) };
    case 'switch':
      return {
        ...term,
        cases: term.cases.map((one) => ({ value: one.value, target: cloneTarget(one.target) })),
        otherwise: cloneTarget(term.otherwise),
      };
    case 'asm-goto':
      return {
        ...term,
        asm: { ...term.asm, inputs: [...term.asm.inputs] },
        targets: term.targets.map(cloneTarget),
        otherwise: cloneTarget(term.otherwise),
      };
    case 'return':
    case 'unreachable':
      return { ...term };
  }
}

function cloneTarget(target: Target): Target {
  return { block: target.block, args: [...target.args] };
}

/** Notes aside, which take part in nothing. */
export function sizeOfBlock(block: Block): number {
  let size = 0;
  for (const inst of block.insts) if (inst.kind !== 'note') size += 1;
  return size;
}

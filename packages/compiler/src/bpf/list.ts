import { disassemble, type Insn, type LineInfo } from '@skep/object';
import type { Func, Module } from '../ir/ir.ts';
import { lineInfoOf } from './btf.ts';
import type { EmittedFunction } from './emit.ts';
import { layoutSections } from './sections.ts';

/**
 * The code as text: a heading for each function with its section and sizes, labels, the source lines as comments, symbols
 * by name. What `--emit=asm` prints.
 */
export function listFunctions(module: Module, functions: ReadonlyMap<Func, EmittedFunction>, fileName: string): string {
  const placed = layoutSections(module, functions).code.flatMap((section) =>
    section.functions.map(({ emitted }) => ({ section: section.name, emitted })),
  );
  const starts = new Map<Func, number>();
  let total = 0;
  for (const { emitted } of placed) {
    starts.set(emitted.func, total);
    total += emitted.slots;
  }
  // All in one piece, so that calls have somewhere to go to.
  const insns: Insn[] = [];
  const lines: LineInfo[] = [];
  const names = new Map<number, string>();
  const headings = new Map<string, string>();
  const symbols = new Map<number, string>();
  for (const { section, emitted } of placed) {
    const { func, fixups, slots, stack } = emitted;
    const start = starts.get(func)!;
    const base = insns.length;
    for (const insn of emitted.insns) insns.push(insn);
    for (const line of lineInfoOf(emitted, fileName)) lines.push({ ...line, slot: line.slot + start });
    names.set(start, func.name);
    headings.set(`${func.name}:`, `; section ${section}, ${slots} instructions, ${stack} bytes of stack`);
    for (const { kind, slot, index, symbol, addend } of fixups) {
      const at = start + slot;
      if (kind === 'address') {
        symbols.set(at, addend === 0 ? symbol.name : `${symbol.name}${addend < 0 ? '' : '+'}${addend}`);
        continue;
      }
      symbols.set(at, symbol.name);
      const to = starts.get(symbol as Func);
      insns[base + index] =
        to === undefined
          ? { kind: 'call', target: { kind: 'kfunc', btfId: 0, module: 0 } }
          : { kind: 'call', target: { kind: 'local', off: to - at - 1 } };
    }
  }
  const text = disassemble(insns, {
    labels: true,
    lines,
    functions: names,
    names: { symbol: (_, slot) => symbols.get(slot), kfunc: (_id, _module, slot) => symbols.get(slot) },
  });
  const out: string[] = [];
  for (const line of text.split('\n')) {
    const heading = headings.get(line);
    if (heading !== undefined) out.push(...(out.length > 0 ? ['', heading] : [heading]));
    out.push(line.replace(/^(\s*call \w+)#0$/, '$1'));
  }
  return `${out.join('\n')}\n`;
}

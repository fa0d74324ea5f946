import { type Diagnostic, Diagnostics, SkepError } from '@skep/base';
import { BtfBuilder, disassemble, type Insn } from '@skep/object';
import { expect } from 'vitest';
import { emitFunctions } from '../../src/bpf/backend.ts';
import type { CpuVersion } from '../../src/bpf/machine.ts';
import { parseModule } from '../../src/ir/parse.ts';
import { expandMemory } from '../../src/optimise/expand-memory.ts';

/** The instructions of the last function of an IR text; `module "m"` is put in front. */
export function insnsOf(ir: string, cpu: CpuVersion = 'v3', diagnostics?: Diagnostics): Insn[] {
  const module = parseModule({ name: 'test.ir', text: `module "m"\n${ir}` }, new BtfBuilder());
  for (const func of module.functions) expandMemory(func, (one) => expect.fail(one.message));
  return emitFunctions(module, cpu, diagnostics).get(module.functions.at(-1)!)!.insns;
}

/** One instruction a line, jumps relative. */
export function code(ir: string, cpu: CpuVersion = 'v3'): string[] {
  return disassemble(insnsOf(ir, cpu)).split('\n');
}

/** What the back end refuses the text with, or warns of. */
export function refusal(ir: string, cpu: CpuVersion = 'v3'): { codes: string[]; text: string } {
  const warnings = new Diagnostics();
  let found: readonly Diagnostic[] = warnings.list;
  try {
    insnsOf(ir, cpu, warnings);
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    found = error.diagnostics;
  }
  const text = found.map((one) => [one.message, ...(one.notes ?? []).map((note) => note.message)].join('\n'));
  return { codes: found.map((one) => one.code), text: text.join('\n') };
}

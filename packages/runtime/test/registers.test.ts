import { PT_REGS } from '@skep/abi';
import { compile } from '@skep/compiler';
import { decode, openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { compileTypes } from '../src/index.ts';

/** Where a program loads from its context, compiled for a machine. */
function loads(arch: 'x86' | 'arm64', expression: string): number[] {
  const text = `#include <linux/types.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
SEC("uprobe") long probe(struct pt_regs *ctx) { return ${expression}; }
char LICENSE[] SEC("license") = "GPL";`;
  const built = compile(
    { name: 'registers.bpf.c', text },
    { vmlinux: compileTypes, defines: [`__TARGET_ARCH_${arch}`] },
  );
  if (!built.ok) throw new Error(built.diagnostics[0]!.message);
  const { code } = openObject(built.object, { name: 'registers' }).programs[0]!;
  return decode(code).flatMap((one) => (one.kind === 'load' ? [one.off] : []));
}

describe('the macros of bpf_tracing.h', () => {
  it.each([
    ['x86', PT_REGS.x86_64],
    ['arm64', PT_REGS.arm64],
  ] as const)('find the registers of %s', (arch, registers) => {
    const at = (name: string) => [registers.offsets[name]!];
    for (const [i, name] of registers.args.slice(0, 5).entries())
      expect(loads(arch, `PT_REGS_PARM${i + 1}(ctx)`)).toEqual(at(name));
    expect(loads(arch, 'PT_REGS_RC(ctx)')).toEqual(at(registers.result));
    expect(loads(arch, 'PT_REGS_SP(ctx)')).toEqual(at(registers.stackPointer));
    expect(loads(arch, 'PT_REGS_IP(ctx)')).toEqual(at(registers.instructionPointer));
    expect(loads(arch, 'PT_REGS_FP(ctx)')).toEqual(at(registers.framePointer));
  });
});

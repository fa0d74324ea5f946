import { existsSync, readFileSync } from 'node:fs';
import { Btf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { asRecord, complete, pointee, printType, sizeOf } from '../../src/c/types.ts';
import { parseText } from './parse-text.ts';

const PATH = '/sys/kernel/btf/vmlinux';
const present = existsSync(PATH);

describe.skipIf(!present)(`names from the kernel's BTF${present ? '' : ` (skipped: no ${PATH})`}`, () => {
  const vmlinux = present ? Btf.parse(readFileSync(PATH)) : (undefined as never);

  it('gives structs with the offsets of BTF', () => {
    const { tree, codes } = parseText('struct task_struct *t; struct sock *s; struct file *f;', { vmlinux });
    expect(codes).toEqual([]);
    for (const [i, name] of ['task_struct', 'sock', 'file'].entries()) {
      const record = asRecord(pointee(tree!.variables[i]!.type)!)!;
      const layout = complete(record)!;
      const type = vmlinux.type(vmlinux.find(name, 'struct')!);
      if (type.kind !== 'struct') throw new Error('not a struct');
      expect(record.preserveAccessIndex).toBe(true);
      expect(layout.size).toBe(type.size);
      expect(layout.fields.map((one) => [one.name ?? '', one.bitOffset])).toEqual(
        type.members.map((one) => [one.name, one.bitOffset]),
      );
      for (const [k, field] of layout.fields.entries()) {
        const member = vmlinux.type(vmlinux.resolve(type.members[k]!.type));
        if (member.kind !== 'func_proto')
          expect(sizeOf(field.type), `${name}.${field.name}`).toBe(vmlinux.sizeOf(type.members[k]!.type));
      }
    }
  });

  it('finds typedefs, enumerators, kfuncs and helpers only when they are named', () => {
    const { tree, codes } = parseText(
      `u64 n; pid_t p; int f(struct task_struct *t, enum pid_type e) {
         u32 pid = t->pid; n = TASK_COMM_LEN + BPF_MAP_TYPE_HASH; if (e == PIDTYPE_PID) pid = bpf_get_current_pid_tgid() >> 32;
         struct task_struct *k = bpf_task_acquire(t); if (k) bpf_task_release(k);
         return pid + t->mm->arg_start + t->real_parent->tgid + t->comm[0]; }`,
      { vmlinux, helpers: true },
    );
    expect(codes).toEqual([]);
    expect(printType(tree!.variables[0]!.type)).toBe('u64');
    expect(tree!.functions.map((one) => [one.name, one.helper, one.attributes.section])).toEqual([
      ['f', undefined, undefined],
      ['bpf_get_current_pid_tgid', 14, undefined],
      ['bpf_task_acquire', undefined, '.ksyms'],
      ['bpf_task_release', undefined, '.ksyms'],
    ]);
  });

  it("prefers the program's own definition, but not after the kernel's was used", () => {
    expect(
      parseText('struct file { int mine; }; int f(struct file *x) { return x->mine; }', { vmlinux }).codes,
    ).toEqual([]);
    expect(parseText('struct file *p;\nstruct file { int mine; };', { vmlinux }).codes).toEqual(['E1206:2']);
    expect(
      parseText('struct file___mine { int f_flags; } __attribute__((preserve_access_index)); struct file *p;', {
        vmlinux,
      }).codes,
    ).toEqual([]);
  });

  it('says what is missing, and what was meant', () => {
    const { diagnostics } = parseText('int f(struct task_struct *t) {\n return t->tgdi;\n}', { vmlinux });
    expect(diagnostics.map(({ code, message, help }) => [code, message, help])).toEqual([
      ['E1203', "'struct task_struct' has no member named 'tgdi'", "did you mean 'tgid'?"],
    ]);
  });
});

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Btf } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { bundledBtfUrl, KFUNCS } from '../src/index.ts';

const packed = readFileSync(bundledBtfUrl());
const btf = Btf.parse(gunzipSync(packed));

describe('the bundled BTF', () => {
  it('is small enough to be fetched by a page', () => {
    expect(packed.length).toBeLessThan(1_500_000);
  });

  it.each([
    ['task_struct', 'struct'],
    ['trace_event_raw_sys_enter', 'struct'],
    ['bpf_iter__task', 'struct'],
    ['btf_trace_sched_switch', 'typedef'],
    ['bpf_lsm_file_open', 'func'],
    ['tcp_connect', 'func'],
    ['bpf_task_from_pid', 'func'],
    ['bpf_map_type', 'enum'],
    ['pid_t', 'typedef'],
  ] as const)('has %s', (name, kind) => {
    expect(btf.find(name, kind)).toBeDefined();
  });

  it('has every type that another one names', () => {
    for (let id = 1; id < btf.count; id++) {
      const type = btf.type(id);
      if (type.kind === 'struct' || type.kind === 'union') {
        for (const member of type.members) expect(member.type).toBeLessThan(btf.count);
      }
    }
    const task = btf.type(btf.find('task_struct', 'struct')!);
    expect(task.kind === 'struct' && task.members.some(({ name }) => name === 'real_parent')).toBe(true);
  });

  it('marks the kfuncs', () => {
    const marked = new Set<string>();
    for (let id = 1; id < btf.count; id++) {
      const type = btf.type(id);
      if (type.kind === 'decl_tag' && type.name === 'bpf_kfunc') marked.add(btf.name(type.type));
    }
    expect([...marked].sort()).toEqual(KFUNCS.map(({ name }) => name).sort());
    expect(KFUNCS.find(({ name }) => name === 'bpf_task_from_pid')?.flags).toEqual(['acquire', 'ret_null']);
  });
});

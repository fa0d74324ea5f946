import { describe, expect, it } from 'vitest';
import { HELPER_PROTOS, HELPERS, helperByName, helpersOfProgType, PROG_TYPES } from '../src/index.ts';

describe('prototypes of helpers', () => {
  it('have as many arguments as the header gives, but where the kernel ignores some', () => {
    const fewer = new Set<string>();
    for (const { name } of PROG_TYPES) {
      for (const [helper, proto] of helpersOfProgType(name) ?? []) {
        const { params, variadic } = helperByName(helper)!;
        if (proto.args.length !== params.length && !variadic) fewer.add(`${helper}: ${proto.name}`);
      }
    }
    expect([...fewer].sort()).toEqual([
      'bpf_get_branch_snapshot: bpf_get_branch_snapshot',
      'bpf_get_cgroup_classid: bpf_get_cgroup_classid_curr',
    ]);
  });

  it('are there for every helper that some program may call', () => {
    const reached = new Set(PROG_TYPES.flatMap(({ name }) => [...(helpersOfProgType(name)?.keys() ?? [])]));
    // Helpers of struct_ops programs alone.
    const missing = HELPERS.filter(({ name }) => !reached.has(name)).map(({ name }) => name);
    expect(missing).toEqual(['bpf_tcp_send_ack']);
    expect(HELPER_PROTOS.length).toBeGreaterThan(211);
  });

  it('differ by the type of the program', () => {
    const nameFor = (type: (typeof PROG_TYPES)[number]['name'], helper: string) =>
      helpersOfProgType(type)?.get(helper)?.name;
    expect(nameFor('BPF_PROG_TYPE_XDP', 'bpf_perf_event_output')).toBe('bpf_xdp_event_output');
    expect(nameFor('BPF_PROG_TYPE_KPROBE', 'bpf_perf_event_output')).toBe('bpf_perf_event_output');
    expect(nameFor('BPF_PROG_TYPE_TRACEPOINT', 'bpf_get_stackid')).toBe('bpf_get_stackid_tp');
    expect(nameFor('BPF_PROG_TYPE_XDP', 'bpf_redirect')).toBe('bpf_xdp_redirect');
    expect(nameFor('BPF_PROG_TYPE_XDP', 'bpf_send_signal')).toBeUndefined();
    expect(helpersOfProgType('BPF_PROG_TYPE_EXT')).toBeUndefined();
  });

  it('say what the verifier checks', () => {
    const find = (name: string) => HELPER_PROTOS.find((proto) => proto.name === name);
    expect(find('bpf_map_lookup_elem')).toEqual({
      name: 'bpf_map_lookup_elem',
      result: 'RET_PTR_TO_MAP_VALUE_OR_NULL',
      args: [{ kind: 'ARG_CONST_MAP_PTR' }, { kind: 'ARG_PTR_TO_MAP_KEY' }],
      packetAccess: true,
    });
    expect(find('bpf_strtol')?.args[3]).toEqual({
      kind: 'ARG_PTR_TO_FIXED_SIZE_MEM | MEM_UNINIT | MEM_WRITE | MEM_ALIGNED',
      size: 8,
    });
    expect(find('bpf_copy_from_user')?.mightSleep).toBe(true);
    expect(find('bpf_get_current_task_btf')).toMatchObject({ resultStruct: 'task_struct', gplOnly: true });
  });
});

import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  ALU_OPS,
  ATOMIC_FETCH,
  ATOMIC_OPS,
  ATTACH_TYPES,
  CLASS,
  CMDS,
  CONTEXTS,
  compareVersions,
  contextOf,
  type Dated,
  dated,
  ERRNOS,
  errnoByName,
  errnoOf,
  HELPERS,
  hasSince,
  helperById,
  helperByName,
  JUMP_JCOND,
  JUMP_OPS,
  LINK_TYPES,
  MAP_TYPES,
  MODE,
  nameOfValue,
  PROG_TYPES,
  PSEUDO_CALL,
  PSEUDO_IMM64,
  PT_REGS,
  SIZE,
  SYSCALLS,
  syscallName,
  UAPI_MACROS,
  UAPI_STRUCTS,
  uapiConstants,
  uapiField,
  uapiRecord,
} from '../src/index.ts';

describe('helpers', () => {
  it('are numbered without a gap, and none is older than the one before', () => {
    HELPERS.forEach((helper, index) => {
      expect(helper.id).toBe(index + 1);
      if (index > 0) expect(compareVersions(helper.since, HELPERS[index - 1]!.since)).toBeGreaterThanOrEqual(0);
      expect(uapiConstants().get(helper.name.replace('bpf_', 'BPF_FUNC_'))).toBe(helper.id);
      expect(helper.params.length).toBeLessThanOrEqual(5);
      for (const { type, name } of helper.params) expect([type, name]).not.toContain('');
    });
    expect(HELPERS).toHaveLength(211);
  });

  it('have the prototypes and the release of the kernel', () => {
    expect(helperByName('bpf_ringbuf_reserve')).toEqual({
      id: 131,
      name: 'bpf_ringbuf_reserve',
      result: 'void *',
      params: [
        { type: 'void *', name: 'ringbuf' },
        { type: 'u64', name: 'size' },
        { type: 'u64', name: 'flags' },
      ],
      variadic: false,
      since: '5.8',
    });
    expect(helperById(6)).toMatchObject({ name: 'bpf_trace_printk', variadic: true });
    expect(helperById(5)).toMatchObject({ name: 'bpf_ktime_get_ns', params: [], result: 'u64' });
    expect(helperById(164)).toMatchObject({ name: 'bpf_for_each_map_elem', since: '5.13' });
    expect(helperById(212)).toBeUndefined();
  });
});

describe('kinds', () => {
  it.each([
    [MAP_TYPES, 'BPF_MAP_TYPE_RINGBUF', 27, '5.8'],
    [PROG_TYPES, 'BPF_PROG_TYPE_XDP', 6, '4.8'],
    [ATTACH_TYPES, 'BPF_TCX_INGRESS', 46, '6.6'],
    [LINK_TYPES, 'BPF_LINK_TYPE_NETKIT', 13, '6.7'],
    [CMDS, 'BPF_LINK_CREATE', 28, '5.7'],
  ])('%#: %s', (table, name, value, since) => {
    expect(table.find((one) => one.name === name)).toEqual({ name, value, since });
    expect(nameOfValue<Dated>(table, value)).toBe(name);
  });

  it('have the names that are not deprecated, each once', () => {
    for (const table of [MAP_TYPES, PROG_TYPES, ATTACH_TYPES, LINK_TYPES, CMDS]) {
      expect(new Set(table.map((one) => one.value)).size).toBe(table.length);
    }
    expect(dated(MAP_TYPES, 'BPF_MAP_TYPE_CGROUP_STORAGE').value).toBe(19);
  });
});

describe('contexts', () => {
  it('there is one for every type of program, and its record exists', () => {
    for (const { name } of PROG_TYPES) {
      const { layout } = contextOf(name);
      if (layout.kind === 'uapi') expect(uapiRecord(layout.struct), name).toBeDefined();
    }
    for (const { programType } of CONTEXTS) expect(PROG_TYPES.some(({ name }) => name === programType)).toBe(true);
    expect(contextOf('BPF_PROG_TYPE_TRACING').layout).toEqual({ kind: 'args', typed: true });
    expect(contextOf('BPF_PROG_TYPE_TRACING', 'BPF_TRACE_ITER').layout.kind).toBe('target');
  });

  it('registers fill their record', () => {
    for (const regs of Object.values(PT_REGS)) {
      expect(Math.max(...Object.values(regs.offsets)) + 8).toBe(regs.size);
      for (const name of [...regs.args, ...regs.syscallArgs, regs.result, regs.syscallNumber, regs.stackPointer]) {
        expect(regs.offsets, name).toHaveProperty([name]);
      }
    }
    expect(PT_REGS.x86_64.offsets).toMatchObject({ di: 112, ax: 80, orig_ax: 120, ip: 128, sp: 152 });
  });

  it('reach members through unnamed unions', () => {
    const sk = uapiField(uapiRecord('__sk_buff')!, 'sk');
    expect(sk).toEqual({ name: 'sk', type: 'struct bpf_sock *', offset: 168, size: 8 });
    expect(uapiField(uapiRecord('bpf_attr')!, 'prog_flags')).toMatchObject({ offset: 44 });
    expect(uapiField(uapiRecord('xdp_md')!, 'nothing')).toBeUndefined();
    expect(UAPI_STRUCTS.length).toBeGreaterThan(50);
  });
});

it('the tables of the instruction set agree with the header', () => {
  const macro = (name: string) => UAPI_MACROS[name] ?? uapiConstants().get(name);
  for (const name of ['ld', 'ldx', 'st', 'stx', 'alu', 'jmp', 'jmp32', 'alu64'] as const) {
    expect(CLASS[name], name).toBe(macro(`BPF_${name.toUpperCase()}`));
  }
  for (const [name, { code }] of Object.entries(ALU_OPS)) {
    expect(code, name).toBe(macro(`BPF_${name.replace(/^s(?=div|mod)/, '').toUpperCase()}`));
  }
  for (const [name, { code }] of Object.entries(JUMP_OPS)) expect(code, name).toBe(macro(`BPF_J${name.toUpperCase()}`));
  for (const name of ['imm', 'abs', 'ind', 'mem', 'memsx', 'atomic'] as const) {
    expect(MODE[name], name).toBe(macro(`BPF_${name.toUpperCase()}`));
  }
  expect(SIZE).toEqual({ 1: macro('BPF_B'), 2: macro('BPF_H'), 4: macro('BPF_W'), 8: macro('BPF_DW') });
  for (const [name, { imm, fetch }] of Object.entries(ATOMIC_OPS)) {
    expect(imm | (fetch === 'always' ? ATOMIC_FETCH : 0), name).toBe(macro(`BPF_${name.toUpperCase()}`));
  }
  expect(JUMP_JCOND).toBe(macro('BPF_JCOND'));
  expect(PSEUDO_IMM64).toEqual({
    value: 0,
    map_fd: macro('BPF_PSEUDO_MAP_FD'),
    map_value: macro('BPF_PSEUDO_MAP_VALUE'),
    btf_id: macro('BPF_PSEUDO_BTF_ID'),
    func: macro('BPF_PSEUDO_FUNC'),
    map_idx: macro('BPF_PSEUDO_MAP_IDX'),
    map_idx_value: macro('BPF_PSEUDO_MAP_IDX_VALUE'),
  });
  expect(PSEUDO_CALL).toEqual({ helper: 0, local: macro('BPF_PSEUDO_CALL'), kfunc: macro('BPF_PSEUDO_KFUNC_CALL') });
});

describe('system calls and errors', () => {
  it('have the numbers of both architectures', () => {
    expect([SYSCALLS.x86_64['bpf'], SYSCALLS.arm64['bpf']]).toEqual([321, 280]);
    expect(SYSCALLS.x86_64['open']).toBe(2);
    expect(SYSCALLS.arm64['open']).toBeUndefined();
    expect([syscallName('x86_64', 257), syscallName('arm64', 56)]).toEqual(['openat', 'openat']);
  });

  it.skipIf(process.platform !== 'linux')('have the names that this system gives errors (skipped off Linux)', () => {
    for (const [name, number] of Object.entries(constants.errno))
      expect(errnoByName(name)?.number ?? number, name).toBe(number);
  });

  it('are found by numbers of either sign, each once', () => {
    expect(errnoOf(-13)).toEqual({ number: 13, name: 'EACCES', text: 'Permission denied' });
    expect(errnoOf(524)?.name).toBe('ENOTSUPP');
    expect(errnoOf(9999)).toBeUndefined();
    expect(new Set(ERRNOS.map(({ number }) => number)).size).toBe(ERRNOS.length);
  });
});

it('versions compare by number', () => {
  expect(compareVersions('5.10', '5.9')).toBeGreaterThan(0);
  expect(compareVersions('6.12.117+deb12-cloud-amd64', '6.12')).toBe(0);
  expect(hasSince('5.15', '5.15')).toBe(true);
  expect(hasSince('5.4', '5.15')).toBe(false);
  expect(() => compareVersions('new', '5.15')).toThrow("'new'");
});

import { existsSync, readFileSync } from 'node:fs';
import { CMDS, PT_REGS, SYSCALLS, UAPI_STRUCTS, type UapiField } from '@skep/abi';
import { describe, expect, it } from 'vitest';
import { COMMANDS, type Command } from '../src/bpf/commands.ts';
import { SYS, SYSCALLS_USED } from '../src/sys/syscalls.ts';

/** Names of this package that the header spells otherwise, as a member of a member. */
const SPELLING: Readonly<Record<string, string>> = {
  id: 'prog_id',
  target_ifindex: 'target_fd',
};

describe('commands of bpf(2)', () => {
  const attr = UAPI_STRUCTS.find((one) => one.name === 'bpf_attr')!;
  // A name may stand in several members of the union; what counts is that one of them lies where we write.
  const offsets = new Map<string, Set<string>>();
  collect(attr.fields);

  it.each(Object.entries(COMMANDS) as [string, Command][])('%s is laid out as in the kernel', (name, command) => {
    expect(CMDS.find((one) => one.name === name)?.value).toBe(command.number);
    for (const [field, [offset, type]] of Object.entries(command.fields)) {
      const size = type === 'u32' ? 4 : type === 'name' ? 16 : 8;
      expect(
        [...(offsets.get(SPELLING[field] ?? field.slice(field.indexOf('.') + 1)) ?? [])],
        `${name}.${field}`,
      ).toContain(`${offset}:${size}`);
    }
  });

  function collect(fields: readonly UapiField[]): void {
    for (const { name, offset, size, fields: inner } of fields) {
      if (!offsets.has(name)) offsets.set(name, new Set());
      offsets.get(name)!.add(`${offset}:${size}`);
      if (inner) collect(inner);
    }
  }
});

describe('structures of bpf(2) that are read', () => {
  const offsetOf = (struct: string, name: string): number | undefined =>
    UAPI_STRUCTS.find((one) => one.name === struct)?.fields.find((field) => field.name === name)?.offset;

  it.each([
    [
      'bpf_prog_info',
      { jited_prog_len: 16, xlated_prog_len: 20, load_time: 40, nr_map_ids: 52, map_ids: 56, name: 64 },
    ],
    ['bpf_prog_info', { btf_id: 128, run_time_ns: 192, run_cnt: 200, verified_insns: 216 }],
    ['bpf_map_info', { max_entries: 16, map_flags: 20, name: 24, btf_id: 64, btf_key_type_id: 68 }],
    ['bpf_btf_info', { btf_size: 8, id: 12, name: 16, name_len: 24, kernel_btf: 28 }],
    ['bpf_prog_info', { xlated_prog_insns: 32 }],
    ['bpf_btf_info', { btf: 0 }],
    ['bpf_link_info', { type: 0, id: 4, prog_id: 8 }],
  ] as const)('%s', (struct, expected) => {
    for (const [name, offset] of Object.entries(expected)) expect(offsetOf(struct, name), name).toBe(offset);
  });
});

describe('arm64', () => {
  const header = '/usr/include/asm-generic/unistd.h';

  it.skipIf(!existsSync(header))(`has the numbers of system calls of ${header}`, () => {
    const lines = readFileSync(header, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm);
    const numbers = new Map([...lines].map(([, name, number]) => [name!, Number(number)]));
    for (const name of SYSCALLS_USED) {
      expect(numbers.get(name), name).toBeDefined();
      expect(SYSCALLS.arm64[name], name).toBe(numbers.get(name));
    }
    expect(SYSCALLS.arm64['bpf']).toBe(280);
  });

  it('keeps registers as struct user_pt_regs does, and arguments in the first eight', () => {
    const { offsets, args, syscallArgs, syscallNumber, result, returnAddress, size } = PT_REGS.arm64;
    for (let i = 0; i <= 30; i++) expect(offsets[`regs[${i}]`]).toBe(8 * i);
    expect([offsets['sp'], offsets['pc'], offsets['pstate'], size]).toEqual([248, 256, 264, 272]);
    expect(args).toEqual(Array.from({ length: 8 }, (_, i) => `regs[${i}]`));
    expect(syscallArgs).toEqual(args.slice(0, 6));
    expect([syscallNumber, result, returnAddress]).toEqual(['regs[8]', 'regs[0]', 'regs[30]']);
  });
});

it('knows the numbers of all system calls that are used', () => {
  expect(SYS.bpf).toBe(process.arch === 'arm64' ? 280 : 321);
  for (const name of ['mmap', 'munmap', 'perf_event_open', 'epoll_pwait', 'eventfd2', 'prlimit64'] as const) {
    expect(SYS[name], name).toBeGreaterThan(0);
  }
});

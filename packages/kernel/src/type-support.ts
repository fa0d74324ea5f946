import { ATTACH, BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, HELPERS, MAP, MAP_TYPES, PROG, PROG_TYPES } from '@skep/abi';
import { cString } from '@skep/base';
import { BtfBuilder } from '@skep/object';
import { loadBtf } from './bpf/btf-load.ts';
import { bpf } from './bpf/call.ts';
import { createMap } from './map.ts';
import { probeProgram } from './program.ts';
import { ERRNO } from './sys/errno.ts';
import { Handle } from './sys/handle.ts';
import { releaseAtLeast } from './sys/release.ts';

/** Whether this kernel has a type of programs or maps. */
export interface TypeReport {
  /** As the kernel spells it. */
  readonly name: string;
  readonly ok: boolean;
  /** First Linux that has it. */
  readonly since: string | undefined;
  /** What to do when it is not there. */
  readonly remedy?: string;
}

export interface HelperReport {
  /** Helpers that this kernel has, of those that skep knows. */
  readonly present: number;
  readonly known: number;
  /** By name, oldest first. */
  readonly missing: readonly string[];
}

/**
 * Every type of programs, by loading one that does nothing. What wants more to be told, for instance a function to attach
 * to, is refused by the verifier, which says so in the log; types that the kernel does not have never get as far.
 */
export function programTypes(): TypeReport[] {
  return PROG_TYPES.map(({ name, value, since }) => {
    const log = new Uint8Array(4096);
    const expectedAttachType = ATTACH_TYPE_OF[value];
    const refused = probeProgram(
      { name: 'probe', type: value, license: 'GPL', code: RETURN_ZERO, expectedAttachType },
      log,
    );
    return report(name, since, refused === 0 || cString(log) !== '', refused === ERRNO.EPERM);
  });
}

/** Every type of maps, by making one. */
export function mapTypes(): TypeReport[] {
  using inner = createMap({ name: 'probe', type: MAP.BPF_MAP_TYPE_ARRAY, ...PLAIN });
  const builder = new BtfBuilder();
  const int = builder.add({
    ...{ kind: 'int', name: 'int', size: 4, bits: 32, offset: 0 },
    ...{ signed: true, char: false, bool: false },
  });
  using types = loadBtf(builder.toBytes());
  return MAP_TYPES.map(({ name, value, since }) => {
    const shape = { ...PLAIN, ...SHAPES[name.replace('BPF_MAP_TYPE_', '')] };
    const isStorage = /_(SK|INODE|TASK|CGRP)_STORAGE$/.test(name);
    const result = bpf('BPF_MAP_CREATE', {
      map_type: value,
      key_size: shape.keySize,
      value_size: shape.valueSize,
      max_entries: shape.maxEntries,
      map_flags: shape.flags,
      inner_map_fd: name.endsWith('_OF_MAPS') ? inner.fd : undefined,
      btf_fd: isStorage ? types.fd : undefined,
      btf_key_type_id: isStorage ? int : undefined,
      btf_value_type_id: isStorage ? int : undefined,
      // No type of the kernel: those that have such maps look for it.
      btf_vmlinux_value_type_id: name.endsWith('STRUCT_OPS') ? int : undefined,
    });
    if (result >= 0) new Handle(result, `map of type ${name}`).close();
    return report(name, since, result >= 0 || (name.endsWith('STRUCT_OPS') && result === -ERRNO.ENOTSUPP));
  });
}

/** Every helper, by calling it from an XDP program: the verifier knows those by name that others may call. */
export function helpers(): HelperReport {
  const missing = HELPERS.filter(({ id }) => {
    const log = new Uint8Array(4096);
    const code = Uint8Array.of(0x85, 0, 0, 0, id, id >> 8, 0, 0, ...RETURN_ZERO);
    const refused = probeProgram({ name: 'probe', type: PROG.BPF_PROG_TYPE_XDP, license: 'GPL', code }, log);
    return refused !== 0 && /invalid func unknown#/.test(cString(log));
  });
  return { present: HELPERS.length - missing.length, known: HELPERS.length, missing: missing.map((one) => one.name) };
}

function report(name: string, since: string | undefined, ok: boolean, isForbidden = false): TypeReport {
  if (ok) return { name, ok, since };
  if (isForbidden)
    return { name, ok, since, remedy: 'not permitted on this machine; skep runs it in its virtual machine' };
  const isOlder = since !== undefined && !releaseAtLeast(since);
  return { name, ok, since, remedy: isOlder ? `Linux ${since} has it` : 'a kernel that is built with it' };
}

/** `r0 = 0; exit` */
const RETURN_ZERO = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
/** Types whose attach type decides before the verifier is asked. */
const ATTACH_TYPE_OF: Readonly<Record<number, number>> = {
  [PROG.BPF_PROG_TYPE_CGROUP_SOCK_ADDR]: ATTACH.BPF_CGROUP_INET4_CONNECT,
  [PROG.BPF_PROG_TYPE_CGROUP_SOCKOPT]: ATTACH.BPF_CGROUP_SETSOCKOPT,
  [PROG.BPF_PROG_TYPE_SK_LOOKUP]: ATTACH.BPF_SK_LOOKUP,
  [PROG.BPF_PROG_TYPE_NETFILTER]: ATTACH.BPF_NETFILTER,
};

interface Shape {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

const PLAIN: Shape = { keySize: 4, valueSize: 4, maxEntries: 1 };
/** The largest page that machines have, and so a size for rings on all of them. */
const RING = 1 << 16;
/** Of maps that are not like most; names without BPF_MAP_TYPE_. */
const SHAPES: Readonly<Record<string, Partial<Shape>>> = {
  STACK_TRACE: { valueSize: 8 },
  LPM_TRIE: { keySize: 8, flags: BPF_F_NO_PREALLOC },
  CGROUP_STORAGE: { keySize: 16, maxEntries: 0 },
  PERCPU_CGROUP_STORAGE: { keySize: 16, maxEntries: 0 },
  QUEUE: { keySize: 0 },
  STACK: { keySize: 0 },
  BLOOM_FILTER: { keySize: 0 },
  SK_STORAGE: { maxEntries: 0, flags: BPF_F_NO_PREALLOC },
  INODE_STORAGE: { maxEntries: 0, flags: BPF_F_NO_PREALLOC },
  TASK_STORAGE: { maxEntries: 0, flags: BPF_F_NO_PREALLOC },
  CGRP_STORAGE: { maxEntries: 0, flags: BPF_F_NO_PREALLOC },
  RINGBUF: { keySize: 0, valueSize: 0, maxEntries: RING },
  USER_RINGBUF: { keySize: 0, valueSize: 0, maxEntries: RING },
  ARENA: { keySize: 0, valueSize: 0, flags: BPF_F_MMAPABLE },
  INSN_ARRAY: { valueSize: 16 },
  RHASH: { flags: BPF_F_NO_PREALLOC },
};

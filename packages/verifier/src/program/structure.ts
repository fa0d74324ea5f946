/** What is checked before a program is followed: encodings, subprograms, jump targets, reachability. */

import { BPF_F_SLEEPABLE, BPF_F_XDP_DEV_BOUND_ONLY, helperId, LIMITS, MAP, PROG } from '@skep/abi';
import type { KernelProfile } from '../profile.ts';
import { Refusal } from '../refusal.ts';
import type { MapInfo } from './maps.ts';
import { knownOpcode } from './opcodes.ts';
import type { Program } from './program.ts';

/** Places that the explorer must know, by slot. */
export interface Points {
  readonly prune: Uint8Array;
  readonly jump: Uint8Array;
  readonly force: Uint8Array;
  readonly callsCallback: Uint8Array;
  readonly iterNext: Uint8Array;
}

const HELPER_SYNC_CALLBACKS = new Set(
  ['bpf_for_each_map_elem', 'bpf_find_vma', 'bpf_loop', 'bpf_user_ringbuf_drain'].map(helperId),
);
const HELPER_TIMER_SET_CALLBACK = helperId('bpf_timer_set_callback');

export const isSyncCallbackHelper = (id: number): boolean => HELPER_SYNC_CALLBACKS.has(id);

export function checkStructure(program: Program, privileged: boolean): Points {
  const { length } = program;
  const limit = privileged ? LIMITS.instructions : LIMITS.instructionsUnprivileged;
  if (length === 0 || program.input.code.length % 8 !== 0) throw new Refusal('the program has no instructions', -1);
  if (length > limit) throw new Refusal(`the program has ${length} instructions, more than ${limit}`, -1);
  findSubprograms(program, privileged);
  checkJumps(program);
  return {
    prune: new Uint8Array(length + 1),
    jump: new Uint8Array(length + 1),
    force: new Uint8Array(length + 1),
    callsCallback: new Uint8Array(length + 1),
    iterNext: new Uint8Array(length + 1),
  };
}

function findSubprograms(program: Program, privileged: boolean): void {
  const starts = new Set<number>([0]);
  for (let i = 0; i < program.length; i++) {
    const call = program.isCallTo(i);
    const address = program.isFunctionAddress(i);
    if (!call && !address && !program.isKfuncCall(i)) continue;
    if (!privileged)
      throw new Refusal('loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN', i);
    if (program.isKfuncCall(i)) {
      if (!program.gpl) throw new Refusal('cannot call kernel function from non-GPL compatible program', i);
      if (
        program.kfuncName(i)?.startsWith('bpf_xdp_metadata_') &&
        !((program.input.flags ?? 0) & BPF_F_XDP_DEV_BOUND_ONLY)
      )
        throw new Refusal('metadata kfuncs require device-bound program', i);
      continue;
    }
    const target = i + program.imm[i]! + 1;
    if (target < 0 || target >= program.length) throw new Refusal('call to invalid destination', i);
    starts.add(target);
    if (starts.size > LIMITS.subprograms) throw new Refusal('too many subprograms', i);
  }
  const exception = exceptionCallback(program);
  if (exception !== undefined) starts.add(exception);
  program.setSubprograms([...starts].sort((a, b) => a - b));
  if (exception !== undefined) program.subprogramAt(exception)!.isExceptionCallback = true;
}

/** The function that the declaration tag `exception_callback:` of the program names. */
function exceptionCallback(program: Program): number | undefined {
  const { btf, funcInfo } = program.input;
  if (btf === undefined || funcInfo === undefined || funcInfo.length === 0) return undefined;
  const tags = btf.tagsOf(funcInfo[0]!.type).filter((tag) => tag.startsWith('exception_callback:'));
  if (tags.length === 0) return undefined;
  if (tags.length > 1) throw new Refusal('multiple exception callback tags for main subprog', -1);
  const name = tags[0]!.slice('exception_callback:'.length);
  const id = btf.find(name, 'func');
  if (id === undefined) throw new Refusal(`exception callback '${name}' could not be found in BTF`, -1);
  const type = btf.type(id);
  if (type.kind === 'func' && type.linkage !== 'global')
    throw new Refusal(`exception callback '${name}' must have global linkage`, -1);
  const found = funcInfo.find((one) => one.type === id);
  if (found === undefined) throw new Refusal('exception callback type id not found in func_info', -1);
  if (found.slot === 0) throw new Refusal('invalid exception callback insn_off in func_info: 0', -1);
  return found.slot;
}

function checkJumps(program: Program): void {
  const { code, off, imm, src } = program;
  let index = 0;
  let sub = program.subprograms[0]!;
  for (let i = 0; i < program.length; i++) {
    const op = code[i]!;
    if (op === 0x85 && src[i] === 0 && imm[i] === 12) sub.hasTailCall = true;
    if ((op & 7) === 0 && ((op & 0xe0) === 0x20 || (op & 0xe0) === 0x40)) sub.hasLdAbs = true;
    const isJump = ((op & 7) === 5 || (op & 7) === 6) && (op & 0xf0) !== 0x80 && (op & 0xf0) !== 0x90;
    if (isJump) {
      const target = i + 1 + (op === 0x06 ? imm[i]! : off[i]!);
      if (target < sub.start || target >= sub.end)
        throw new Refusal(`jump out of range from insn ${i} to ${target}`, i);
    }
    if (i === sub.end - 1) {
      if (op !== 0x95 && op !== 0x06 && op !== 0x05) throw new Refusal('last insn is not an exit or jmp', i);
      index += 1;
      if (index < program.subprograms.length) sub = program.subprograms[index]!;
    }
  }
}

/** Checks the operands of loads of 64-bit immediates and that every opcode exists; finds the maps. */
export function resolveImmediates(program: Program, kernel: KernelProfile): Map<number, MapInfo> {
  const { code, dst, src, off, imm, input } = program;
  const found = new Map<number, MapInfo>();
  for (let i = 0; i < program.length; i++) {
    const op = code[i]!;
    if ((op & 7) === 1 && (((op & 0xe0) !== 0x60 && (op & 0xe0) !== 0x80) || imm[i] !== 0))
      throw new Refusal('BPF_LDX uses reserved fields', i);
    if (op !== 0x18) {
      if (!knownOpcode(op, kernel)) throw new Refusal(`unknown opcode ${op.toString(16).padStart(2, '0')}`, i);
      continue;
    }
    if (i === program.length - 1 || code[i + 1] !== 0 || dst[i + 1] !== 0 || src[i + 1] !== 0 || off[i + 1] !== 0)
      throw new Refusal('invalid bpf_ld_imm64 insn', i);
    const pseudo = src[i]!;
    if (pseudo === 0 || pseudo === 3 || pseudo === 4) {
      i++;
      continue;
    }
    if (pseudo > 6 || (imm[i + 1] !== 0 && (pseudo === 1 || pseudo === 5)))
      throw new Refusal('unrecognized bpf_ld_imm64 insn', i);
    const map = input.maps?.[input.mapAt?.get(i) ?? -1];
    if (map === undefined) throw new Refusal(`fd ${imm[i]} is not pointing to valid bpf_map`, i);
    checkMapForProgram(map, program, i);
    if (pseudo === 2 || pseudo === 6) {
      const offset = imm[i + 1]! >>> 0;
      if (offset >= 1 << 29) throw new Refusal(`direct value offset of ${offset} is not allowed`, i);
      const single = map.type === MAP.BPF_MAP_TYPE_ARRAY && map.maxEntries === 1;
      if (map.type !== MAP.BPF_MAP_TYPE_ARENA && (!single || offset >= map.valueSize))
        throw new Refusal(`invalid access to map value pointer, value_size=${map.valueSize} off=${offset}`, i);
    }
    found.set(i, map);
    i++;
  }
  return found;
}

const TRACING_TYPES = new Set([
  PROG.BPF_PROG_TYPE_KPROBE,
  PROG.BPF_PROG_TYPE_TRACEPOINT,
  PROG.BPF_PROG_TYPE_PERF_EVENT,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
]);
const SLEEPABLE_MAPS = new Set<number>([
  MAP.BPF_MAP_TYPE_HASH,
  MAP.BPF_MAP_TYPE_LRU_HASH,
  MAP.BPF_MAP_TYPE_ARRAY,
  MAP.BPF_MAP_TYPE_PERCPU_HASH,
  MAP.BPF_MAP_TYPE_PERCPU_ARRAY,
  MAP.BPF_MAP_TYPE_LRU_PERCPU_HASH,
  MAP.BPF_MAP_TYPE_ARRAY_OF_MAPS,
  MAP.BPF_MAP_TYPE_HASH_OF_MAPS,
  MAP.BPF_MAP_TYPE_RINGBUF,
  MAP.BPF_MAP_TYPE_USER_RINGBUF,
  MAP.BPF_MAP_TYPE_INODE_STORAGE,
  MAP.BPF_MAP_TYPE_SK_STORAGE,
  MAP.BPF_MAP_TYPE_TASK_STORAGE,
  MAP.BPF_MAP_TYPE_CGRP_STORAGE,
  MAP.BPF_MAP_TYPE_QUEUE,
  MAP.BPF_MAP_TYPE_STACK,
  MAP.BPF_MAP_TYPE_ARENA,
]);

function checkMapForProgram(map: MapInfo, program: Program, insn: number): void {
  const tracing = TRACING_TYPES.has(program.input.type);
  const fields = specialFieldNames(map, program);
  if (tracing && (fields.has('bpf_list_head') || fields.has('bpf_rb_root')))
    throw new Refusal('tracing progs cannot use bpf_{list_head,rb_root} yet', insn);
  if (fields.has('bpf_spin_lock')) {
    if (program.input.type === PROG.BPF_PROG_TYPE_SOCKET_FILTER)
      throw new Refusal('socket filter progs cannot use bpf_spin_lock yet', insn);
    if (tracing) throw new Refusal('tracing progs cannot use bpf_spin_lock yet', insn);
  }
  if (tracing && fields.has('bpf_timer')) throw new Refusal('tracing progs cannot use bpf_timer yet', insn);
  if (tracing && fields.has('bpf_wq')) throw new Refusal('tracing progs cannot use bpf_wq yet', insn);
  if (map.type === MAP.BPF_MAP_TYPE_STRUCT_OPS) throw new Refusal('bpf_struct_ops map cannot be used in prog', insn);
  if ((program.input.flags ?? 0) & BPF_F_SLEEPABLE && !SLEEPABLE_MAPS.has(map.type))
    throw new Refusal('Sleepable programs can only use array, hash, ringbuf and local storage maps', insn);
}

/** Names of the kernel's own structs in a value: members of it, variables of a section, elements of arrays of either. */
function specialFieldNames(map: MapInfo, program: Program): Set<string> {
  const names = new Set<string>();
  const { btf } = program.input;
  if (btf === undefined || map.valueType === 0) return names;
  const seen = new Set<number>();
  const left = [map.valueType];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    const resolved = btf.resolve(id);
    if (resolved === 0 || seen.has(resolved)) continue;
    seen.add(resolved);
    const type = btf.type(resolved);
    if (type.kind === 'array' || type.kind === 'var') left.push(type.type);
    else if (type.kind === 'datasec') left.push(...type.vars.map((one) => one.type));
    else if (type.kind === 'struct' && type.name.startsWith('bpf_')) names.add(type.name);
    else if (type.kind === 'struct') left.push(...type.members.map((one) => one.type));
  }
  return names;
}

/** Follows every edge once: all must be reachable, and the places where paths meet or part are marked. */
export function markPoints(program: Program, points: Points, privileged: boolean, early = false): void {
  const { length, code, src, off, imm } = program;
  const { prune, jump, force, callsCallback, iterNext } = points;
  // 0: not seen, 1: on the path, 2: done.
  const seen = new Uint8Array(length);
  const next = new Uint8Array(length);
  const path: number[] = [];
  const visit = (from: number, to: number, branch: boolean): boolean => {
    if (to < 0 || to >= length) throw new Refusal(`jump out of range from insn ${from} to ${to}`, from);
    if (branch) {
      prune[to] = 1;
      jump[to] = 1;
    }
    // Early kernels allow loops through jumps alone.
    if (seen[to] === 1 && (!privileged || (early && !loops(from, to))))
      throw new Refusal(`back-edge from insn ${from} to ${to}`, from);
    if (seen[to] !== 0) return false;
    seen[to] = 1;
    path.push(to);
    return true;
  };
  const loops = (from: number, to: number): boolean => {
    const cls = code[from]! & 7;
    if (cls !== 5 && cls !== 6) return program.isFunctionAddress(from) && to !== from + 2;
    return (code[from]! & 0xf0) !== 0x80;
  };
  const step = (at: number): boolean => {
    const op = code[at]!;
    const stage = next[at]!;
    next[at] = stage + 1;
    const width = op === 0x18 ? 2 : 1;
    const cls = op & 7;
    if (cls !== 5 && cls !== 6) {
      if (stage === 0) return visit(at, at + width, false) || true;
      if (program.isFunctionAddress(at) && stage === 1) {
        prune[at + 2] = 1;
        jump[at + 2] = 1;
        prune[at] = 1;
        return visit(at, at + imm[at]! + 1, true) || true;
      }
      return false;
    }
    const kind = op & 0xf0;
    if (kind === 0x90) return false;
    if (kind === 0x80) {
      if (stage === 0) {
        const asyncKfunc = program.kfuncName(at) === 'bpf_wq_set_callback_impl';
        if ((src[at] === 0 && imm[at] === HELPER_TIMER_SET_CALLBACK) || asyncKfunc) prune[at] = 1;
        const name = program.kfuncName(at);
        if ((src[at] === 0 && isSyncCallbackHelper(imm[at]!)) || name === 'bpf_rbtree_add_impl') {
          callsCallback[at] = 1;
          force[at] = 1;
          prune[at] = 1;
          jump[at] = 1;
        }
        if (name !== undefined && /^bpf_iter_.*_next$/.test(name)) {
          prune[at] = 1;
          force[at] = 1;
          iterNext[at] = 1;
        }
        return visit(at, at + 1, false) || true;
      }
      if (stage === 1) {
        prune[at + 1] = 1;
        jump[at + 1] = 1;
        if (src[at] === 1) {
          prune[at] = 1;
          return visit(at, at + imm[at]! + 1, true) || true;
        }
      }
      return false;
    }
    if (kind === 0) {
      if (stage > 0) return false;
      const to = at + 1 + (op === 0x06 ? imm[at]! : off[at]!);
      visit(at, to, false);
      prune[to] = 1;
      jump[to] = 1;
      return true;
    }
    if (stage === 0) {
      prune[at] = 1;
      if (op === 0xe5) force[at] = 1;
      return visit(at, at + 1, false) || true;
    }
    if (stage === 1) return visit(at, at + 1 + off[at]!, true) || true;
    return false;
  };
  const walk = (start: number): void => {
    if (seen[start] !== 0) return;
    seen[start] = 1;
    path.push(start);
    while (path.length > 0) {
      const at = path[path.length - 1]!;
      if (step(at)) continue;
      seen[at] = 2;
      path.pop();
    }
  };
  walk(0);
  for (const sub of program.subprograms) if (sub.isExceptionCallback) walk(sub.start);
  for (let i = 0; i < length; i++) {
    if (seen[i] !== 2) throw new Refusal(`unreachable insn ${i}`, i);
    if (code[i] === 0x18) {
      if (i + 1 < length && seen[i + 1] !== 0) throw new Refusal(`jump into the middle of ldimm64 insn ${i}`, i);
      i++;
    }
  }
}

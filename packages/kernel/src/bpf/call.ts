import { closeSync, constants, openSync } from 'node:fs';
import { BPF_F_TOKEN_FD, LIMITS } from '@skep/abi';
import { ERRNO } from '../sys/errno.ts';
import { raiseMemlock } from '../sys/memlock.ts';
import { allocate, type Memory } from '../sys/memory.ts';
import { native } from '../sys/native.ts';
import { SYS } from '../sys/syscalls.ts';
import { type Arguments, COMMANDS, type Command, type CommandName } from './commands.ts';

/**
 * Longer than any attribute written here. Kernels accept a longer attribute than they know as long as the rest of it is
 * zero (kernel/bpf/syscall.c, bpf_check_uarg_tail_zero).
 */
const ATTR_SIZE = 152;

let attr: Memory | undefined;

/**
 * Holds the arguments of the call that is under way: the kernel has the addresses of their bytes, which the garbage
 * collector does not see, and an engine may drop a local variable after its last use.
 */
const underWay: { args: unknown } = { args: undefined };

/**
 * One bpf(2) call: the value, or `-errno`. Fields that are not given are zero. What the kernel writes back into the
 * attribute is read with {@link returned} before the next call.
 */
export function bpf<C extends CommandName>(name: C, args: Arguments<C>): number {
  const result = lent === undefined ? send(name, args) : send(name, withToken(name, args, lent));
  if (result !== -ERRNO.EPERM || !CHARGED.has(name)) return result;
  // Until 5.11 maps and programs count against RLIMIT_MEMLOCK, and the kernel says EPERM when it is used up.
  if (raiseMemlock()) return send(name, args);
  if (lent !== undefined) return result;
  lent = openToken();
  return lent === undefined ? result : send(name, withToken(name, args, lent));
}

function send<C extends CommandName>(name: C, args: Arguments<C>): number {
  attr ??= allocate(ATTR_SIZE);
  const command: Command = COMMANDS[name];
  attr.bytes.fill(0, 0, ATTR_SIZE);
  for (const field in args) {
    const value = (args as Record<string, FieldInput>)[field];
    if (value !== undefined) write(attr.view, command.fields[field]!, value);
  }
  underWay.args = args;
  let result = bpfCall(command.number, attr.address, ATTR_SIZE);
  for (let tries = 0; result === -ERRNO.EAGAIN && tries < 5; tries++)
    result = bpfCall(command.number, attr.address, ATTR_SIZE);
  underWay.args = undefined;
  return result;
}

/** The descriptor of a token, once one was needed and there was one. */
let lent: number | undefined;

/**
 * A token of the bpffs that a container was given (`delegate_…` of its mount, Linux 6.9): where `LIBBPF_BPF_TOKEN_PATH`
 * says, as for libbpf, or where bpffs usually is. Undefined where nobody lends any rights.
 */
function openToken(): number | undefined {
  const path = process.env['LIBBPF_BPF_TOKEN_PATH'] ?? '/sys/fs/bpf';
  let directory: number;
  try {
    directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
  const token = send('BPF_TOKEN_CREATE', { bpffs_fd: directory });
  closeSync(directory);
  return token < 0 ? undefined : token;
}

function withToken<C extends CommandName>(name: C, args: Arguments<C>, token: number): Arguments<C> {
  const kind = CHARGED.get(name);
  if (kind === undefined) return args;
  const flags = (args as Record<string, number | undefined>)[`${kind}_flags`] ?? 0;
  return { ...args, [`${kind}_flags`]: flags | BPF_F_TOKEN_FD, [`${kind}_token_fd`]: token };
}

/** A field of the attribute after the last {@link bpf} call, which must have been `name`. */
export function returned<C extends CommandName>(name: C, field: keyof (typeof COMMANDS)[C]['fields'] & string): number {
  const [offset] = (COMMANDS[name] as Command).fields[field]!;
  return attr!.view.getUint32(offset, true);
}

/** bpf(2) over an attribute that the caller keeps in memory of its own. */
export function bpfCall(command: number, address: number, size: number): number {
  return native().syscall(SYS.bpf, command, address, size);
}

/** What takes memory, and rights that can be lent; and how its fields begin. */
const CHARGED: ReadonlyMap<CommandName, 'map' | 'prog' | 'btf'> = new Map([
  ['BPF_MAP_CREATE', 'map'],
  ['BPF_PROG_LOAD', 'prog'],
  ['BPF_BTF_LOAD', 'btf'],
]);

type FieldInput = number | bigint | string | Uint8Array;

function write(view: DataView, [offset, type]: readonly [number, string], value: FieldInput): void {
  if (type === 'u32') view.setUint32(offset, value as number, true);
  else if (type === 'name') writeName(view, offset, value as string);
  else if (value instanceof Uint8Array) view.setBigUint64(offset, BigInt(native().address(value)), true);
  else view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value as number | bigint)), true);
}

/** The kernel takes letters, digits, `_` and `.`, at most 15 of them. */
function writeName(view: DataView, offset: number, name: string): void {
  const plain = name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, LIMITS.objectName - 1);
  for (let i = 0; i < plain.length; i++) view.setUint8(offset + i, plain.charCodeAt(i));
}

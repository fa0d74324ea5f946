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
  // Until 5.11 maps and programs count against RLIMIT_MEMLOCK, and the kernel says EPERM when it is used up.
  if (result === -ERRNO.EPERM && CHARGED.has(name) && raiseMemlock()) {
    result = bpfCall(command.number, attr.address, ATTR_SIZE);
  }
  underWay.args = undefined;
  return result;
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

const CHARGED: ReadonlySet<CommandName> = new Set(['BPF_MAP_CREATE', 'BPF_PROG_LOAD', 'BPF_BTF_LOAD']);

type FieldInput = number | bigint | string | Uint8Array;

function write(view: DataView, [offset, type]: readonly [number, string], value: FieldInput): void {
  if (type === 'u32') view.setUint32(offset, value as number, true);
  else if (type === 'name') writeName(view, offset, value as string);
  else if (value instanceof Uint8Array) view.setBigUint64(offset, BigInt(native().address(value)), true);
  else view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value as number | bigint)), true);
}

/** The kernel takes letters, digits, `_` and `.`, at most 15 of them. */
function writeName(view: DataView, offset: number, name: string): void {
  const plain = name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);
  for (let i = 0; i < plain.length; i++) view.setUint8(offset + i, plain.charCodeAt(i));
}

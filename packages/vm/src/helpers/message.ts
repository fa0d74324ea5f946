import { uapiField, uapiRecord } from '@skep/abi';
import { EINVAL, ENOMEM } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { give, type Helper } from './helper.ts';

/**
 * Bytes on their way through a socket (sk_msg): in one piece, with room behind them. `data` and `data_end` of the context
 * are the part that the program looks at; after bytes came or went, it is all of them.
 */
export interface Message {
  readonly context: number;
  readonly start: number;
  length: number;
  readonly room: number;
}

export const messageHelpers: Record<string, Helper> = {
  // How the kernel cuts the stream.
  bpf_msg_apply_bytes: (_, r) => give(r, 0),
  bpf_msg_cork_bytes: (_, r) => give(r, 0),
  // (message, start, end, flags)
  bpf_msg_pull_data: (machine, r) => {
    const message = messageOf(machine, r);
    const [from, to] = [r[4]! >>> 0, r[6]! >>> 0];
    if ((r[8]! | r[9]!) !== 0 || from >= to || message === undefined || to > message.length) give(r, EINVAL);
    else {
      show(machine, message, from, to);
      give(r, 0);
    }
  },
  // (message, start, length, flags)
  bpf_msg_push_data: (machine, r) => {
    const message = messageOf(machine, r);
    const [at, count] = [r[4]! >>> 0, r[6]! >>> 0];
    if ((r[8]! | r[9]!) !== 0 || message === undefined || (count > 0 && at > message.length)) give(r, EINVAL);
    else if (message.length + count > message.room) give(r, ENOMEM);
    else {
      const { bytes } = machine.memory;
      const from = message.start + at;
      bytes.copyWithin(from + count, from, message.start + message.length);
      bytes.fill(0, from, from + count);
      message.length += count;
      show(machine, message, 0, message.length);
      give(r, 0);
    }
  },
  // (message, start, length, flags)
  bpf_msg_pop_data: (machine, r) => {
    const message = messageOf(machine, r);
    const [at, count] = [r[4]! >>> 0, r[6]! >>> 0];
    if ((r[8]! | r[9]!) !== 0 || message === undefined) give(r, EINVAL);
    else if (count === 0) give(r, 0);
    else if (at >= message.length || at + count > message.length) give(r, EINVAL);
    else {
      const from = message.start + at;
      machine.memory.bytes.copyWithin(from, from + count, message.start + message.length);
      message.length -= count;
      show(machine, message, 0, message.length);
      give(r, 0);
    }
  },
};

function messageOf(machine: Machine, r: Int32Array): Message | undefined {
  const { message } = machine;
  return message !== undefined && r[2] === message.context && r[3] === 0 ? message : undefined;
}

/** Tells the program in its `struct sk_msg_md`. */
function show(machine: Machine, { context, start, length }: Message, from: number, to: number): void {
  const { view } = machine.memory;
  view.setUint32(context + field('data'), start + from, true);
  view.setUint32(context + field('data_end'), start + to, true);
  view.setUint32(context + field('size'), length, true);
}

const field = (name: string) => uapiField(uapiRecord('sk_msg_md')!, name)!.offset;

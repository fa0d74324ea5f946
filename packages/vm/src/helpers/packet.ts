import { EFAULT, EINVAL } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { add, fold, subtract } from './checksum.ts';
import { give, giveUnsigned, type Helper } from './helper.ts';

/** Helpers of packet programs; pointers into the packet are read again by the program afterwards. */
export const packetHelpers: Record<string, Helper> = {
  // (from, from_size, to, to_size, seed): 16 bits since Linux 6.13
  bpf_csum_diff: (machine, r) => {
    const [fromSize, toSize] = [r[4]! >>> 0, r[8]! >>> 0];
    let sum = r[10]! >>> 0;
    const from = fromSize === 0 ? 0 : machine.memory.check(r[2]!, r[3]!, fromSize, 'the old bytes of a checksum');
    const to = toSize === 0 ? 0 : machine.memory.check(r[6]!, r[7]!, toSize, 'the new bytes of a checksum');
    if (fromSize > 0 && toSize > 0) sum = subtract(sumOf(machine, to, toSize, sum), sumOf(machine, from, fromSize, 0));
    else if (toSize > 0) sum = sumOf(machine, to, toSize, sum);
    else if (fromSize > 0) sum = ~sumOf(machine, from, fromSize, ~sum >>> 0) >>> 0;
    giveUnsigned(r, ~fold(sum) & 0xffff);
  },
  // (ctx, delta)
  bpf_xdp_adjust_head: (machine, r) => give(r, machine.packet?.adjustHead(r[4]!) ?? EINVAL),
  // (ctx, delta)
  bpf_xdp_adjust_meta: (machine, r) => give(r, machine.packet?.adjustMeta(r[4]!) ?? EINVAL),
  // (ctx, delta)
  bpf_xdp_adjust_tail: (machine, r) => give(r, machine.packet?.adjustTail(r[4]!) ?? EINVAL),
  // (ctx)
  bpf_xdp_get_buff_len: (machine, r) => give(r, machine.packet?.length ?? 0),
  // (ctx, offset, to, length), (ctx, offset, from, length)
  bpf_xdp_load_bytes: (machine, r) => copyPacket(machine, r, false),
  bpf_xdp_store_bytes: (machine, r) => copyPacket(machine, r, true),
};

/** `csum_partial`: bytes behind the last whole word count as if zeroes followed. */
function sumOf(machine: Machine, at: number, size: number, start: number): number {
  const { view, bytes } = machine.memory;
  let sum = start;
  let i = 0;
  for (; i + 4 <= size; i += 4) sum = add(sum, view.getUint32(at + i, true));
  let rest = 0;
  for (let j = size - 1; j >= i; j--) rest = (rest << 8) | bytes[at + j]!;
  return add(sum, rest >>> 0);
}

function copyPacket(machine: Machine, r: Int32Array, store: boolean): void {
  const { packet, memory } = machine;
  const offset = r[4]! >>> 0;
  const length = r[8]! >>> 0;
  const other = memory.check(r[6]!, r[7]!, length, 'the bytes of a packet');
  if (offset > 0xffff || length > 0xffff) give(r, EFAULT);
  else if (packet === undefined || offset + length > packet.length) give(r, EINVAL);
  else {
    const own = packet.start + offset;
    if (store) memory.bytes.copyWithin(own, other, other + length);
    else memory.bytes.copyWithin(other, own, own + length);
    give(r, 0);
  }
}

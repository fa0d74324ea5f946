import { EINVAL } from '../maps/map.ts';
import { give, giveUnsigned, type Helper } from './helper.ts';

/** Helpers of packet programs; pointers into the packet are read again by the program afterwards. */
export const packetHelpers: Record<number, Helper> = {
  // bpf_csum_diff(from, from_size, to, to_size, seed)
  28: (machine, r) => {
    const [fromSize, toSize] = [r[4]! >>> 0, r[8]! >>> 0];
    if (fromSize % 4 !== 0 || toSize % 4 !== 0) {
      give(r, EINVAL);
      return;
    }
    let sum = r[10]! >>> 0;
    const add = (word: number) => {
      sum += word;
      if (sum > 0xffffffff) sum -= 0xffffffff;
    };
    const { view } = machine.memory;
    if (fromSize > 0) {
      const at = machine.memory.check(r[2]!, r[3]!, fromSize, 'the old bytes of a checksum');
      for (let i = 0; i < fromSize; i += 4) add(~view.getUint32(at + i, true) >>> 0);
    }
    if (toSize > 0) {
      const at = machine.memory.check(r[6]!, r[7]!, toSize, 'the new bytes of a checksum');
      for (let i = 0; i < toSize; i += 4) add(view.getUint32(at + i, true));
    }
    giveUnsigned(r, sum);
  },
  // bpf_xdp_adjust_head(ctx, delta)
  44: (machine, r) => give(r, machine.packet?.adjustHead(r[4]!) ?? EINVAL),
  // bpf_xdp_adjust_meta(ctx, delta)
  54: (machine, r) => give(r, machine.packet?.adjustMeta(r[4]!) ?? EINVAL),
  // bpf_xdp_adjust_tail(ctx, delta)
  65: (machine, r) => give(r, machine.packet?.adjustTail(r[4]!) ?? EINVAL),
};

import { EINVAL, ENOMEM } from '../errno.ts';
import { PROTOCOL } from '../hooks/skb.ts';
import type { Machine } from '../machine.ts';
import { add, fold } from './checksum.ts';
import { give, type Helper } from './helper.ts';

/** Helpers of programs on routes (BPF_PROG_TYPE_LWT_…, net/core/lwt_bpf.c). */
export const lwtHelpers: Record<string, Helper> = {
  // (skb, type, header, length): IP only, as in a kernel without segment routing
  bpf_lwt_push_encap: (machine, r) => {
    const length = r[8]! >>> 0;
    const header = machine.memory.slice(r[6]!, r[7]!, length, 'a header').slice();
    const { skb } = machine;
    if (r[4] !== ENCAP_IP || skb === undefined || !fits(header)) {
      give(r, EINVAL);
      return;
    }
    if (!skb.growHead(length)) {
      give(r, ENOMEM);
      return;
    }
    const four = header[0]! >> 4 === 4;
    machine.memory.bytes.set(header, skb.data);
    skb.network = skb.data;
    skb.set(PROTOCOL, four ? 0x0008 : 0xdd86);
    if (four && header[10] === 0 && header[11] === 0) checksum(machine, skb.data, (header[0]! & 15) * 4);
    give(r, 0);
  },
};

/** `BPF_LWT_ENCAP_IP`, `LWT_BPF_MAX_HEADROOM`. */
const ENCAP_IP = 2;
const MOST = 256;
const UDP = 17;

function fits(header: Uint8Array): boolean {
  if (header.length < 20 || header.length > MOST) return false;
  if (header[0]! >> 4 === 4) {
    const own = (header[0]! & 15) * 4;
    return own >= 20 && header.length >= own + (header[9] === UDP ? 8 : 0);
  }
  return header[0]! >> 4 === 6 && header.length >= 40 + (header[6] === UDP ? 8 : 0);
}

function checksum(machine: Machine, at: number, length: number): void {
  const { view } = machine.memory;
  let sum = 0;
  for (let i = 0; i < length; i += 4) sum = add(sum, view.getUint32(at + i, true));
  view.setUint16(at + 10, fold(sum), true);
}

import { uapiField, uapiRecord } from '@skep/abi';
import { EFAULT, EINVAL, ENOMSG, ENOSPC, EPERM } from '../errno.ts';
import { give, type Helper } from './helper.ts';

/** TCP header options of sock_ops programs (bpf_sock_ops_load_hdr_opt and its sisters, net/core/filter.c). */
export const headerOptionHelpers: Record<string, Helper> = {
  // (context, search and result, length, flags)
  bpf_load_hdr_opt: (machine, r) => {
    const { memory } = machine;
    const size = r[6]! >>> 0;
    const target = memory.slice(r[4]!, r[5]!, size, 'the place of an option');
    if ((r[8]! & ~LOAD_SYN) !== 0 || r[9] !== 0 || size < 2) {
      give(r, EINVAL);
      return;
    }
    const [kind, length] = [target[0]!, target[1]!];
    const experimental = kind === 254 || kind === 253;
    if (experimental ? length !== 4 && length !== 6 : length !== 0) {
      give(r, EINVAL);
      return;
    }
    const magic = experimental ? target.slice(2, length) : new Uint8Array();
    const context = memory.check(r[2]!, r[3]!, OPS.size, 'a context');
    // The SYN of a connection is kept where the socket was told to (TCP_SAVE_SYN), which none is here.
    const data = memory.view.getUint32(context + field('skb_data'), true);
    const end = memory.view.getUint32(context + field('skb_data_end'), true);
    if ((r[8]! & LOAD_SYN) !== 0) give(r, -2);
    else if (data === 0 || memory.view.getUint32(context, true) === HDR_OPT_LEN) give(r, EPERM);
    else {
      const options = memory.bytes.subarray(Math.min(data + 20, end), end);
      const found = search(options, kind, magic);
      if (typeof found === 'number') give(r, found);
      else {
        target.set(found.subarray(0, size));
        give(r, found.length > size ? ENOSPC : found.length);
      }
    }
  },
  // (context, option, length, flags)
  bpf_store_hdr_opt: (machine, r) => {
    const { memory, outcome } = machine;
    const context = memory.check(r[2]!, r[3]!, OPS.size, 'a context');
    const length = r[6]! >>> 0;
    const option = memory.slice(r[4]!, r[5]!, length, 'an option');
    const [kind, size] = [option[0]!, option[1]!];
    if (memory.view.getUint32(context, true) !== WRITE_HDR_OPT) give(r, EPERM);
    else if ((r[8]! | r[9]!) !== 0 || length < 2 || size > length || size < 2) give(r, EINVAL);
    else if (kind <= 1 || ((kind === 254 || kind === 253) && size < 4)) give(r, EINVAL);
    else if (KERNELS_OWN.has(kind)) give(r, EINVAL);
    else {
      const written = outcome.headerOptions ?? [];
      const room = memory.view.getUint32(context + field('args'), true);
      if (written.some((one) => one[0] === kind && sameMagic(one, option))) give(r, -17);
      else if (written.reduce((sum, one) => sum + one.length, 0) + size > room) give(r, ENOSPC);
      else {
        outcome.headerOptions = [...written, option.slice(0, size)];
        give(r, 0);
      }
    }
  },
  // (context, length, flags)
  bpf_reserve_hdr_opt: (machine, r) => {
    const { memory, outcome } = machine;
    const context = memory.check(r[2]!, r[3]!, OPS.size, 'a context');
    const length = r[4]! >>> 0;
    const reserved = outcome.reservedOptions ?? 0;
    if (memory.view.getUint32(context, true) !== HDR_OPT_LEN) give(r, EPERM);
    else if ((r[6]! | r[7]!) !== 0 || length < 2) give(r, EINVAL);
    else if (reserved + length > 40) give(r, ENOSPC);
    else {
      outcome.reservedOptions = reserved + length;
      give(r, 0);
    }
  },
};

const OPS = uapiRecord('bpf_sock_ops')!;
const field = (name: string) => uapiField(OPS, name)!.offset;
/** `BPF_LOAD_HDR_OPT_TCP_SYN`, `BPF_SOCK_OPS_HDR_OPT_LEN_CB`, `BPF_SOCK_OPS_WRITE_HDR_OPT_CB`. */
const LOAD_SYN = 1;
const HDR_OPT_LEN = 14;
const WRITE_HDR_OPT = 15;
/** MSS, window scale, SACK, timestamps, MD5: written by the kernel. */
const KERNELS_OWN = new Set([2, 3, 4, 5, 8, 19]);

function search(options: Uint8Array, kind: number, magic: Uint8Array): Uint8Array | number {
  for (let at = 0; at < options.length; ) {
    if (options[at] === 0) return ENOMSG;
    if (options[at] === 1) {
      at += 1;
      continue;
    }
    const left = options.length - at;
    const length = options[at + 1] ?? 0;
    if (left < 2 || left < length || length < 2) return EFAULT;
    const fits = length >= 2 + magic.length && magic.every((byte, i) => options[at + 2 + i] === byte);
    if (options[at] === kind && fits) return options.slice(at, at + length);
    at += length;
  }
  return ENOMSG;
}

/** Experimental options are told apart by the bytes behind their length. */
function sameMagic(a: Uint8Array, b: Uint8Array): boolean {
  return a[0]! < 253 || (a[2] === b[2] && a[3] === b[3]);
}

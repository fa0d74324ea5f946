import { cString } from '@skep/base';
import { btfRefused, notPermitted } from '../diagnostics.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { bpf } from './call.ts';

/** Gives the kernel a program's types, which typed maps, function and line information refer to. */
export function loadBtf(bytes: Uint8Array): Handle {
  let result = bpf('BPF_BTF_LOAD', { btf: bytes, btf_size: bytes.length });
  if (result >= 0) return new Handle(result, 'btf');
  if (result === -ERRNO.EPERM) throw notPermitted('BPF_BTF_LOAD', ERRNO.EPERM, 'loading type information');
  const log = new Uint8Array(64 * 1024);
  result = bpf('BPF_BTF_LOAD', {
    btf: bytes,
    btf_size: bytes.length,
    btf_log_buf: log,
    btf_log_size: log.length,
    btf_log_level: 1,
  });
  if (result >= 0) return new Handle(result, 'btf');
  throw btfRefused(-result, cString(log));
}

import { bpf } from './bpf/call.ts';
import { systemCallFailed } from './diagnostics.ts';
import { cBytes } from './sys/c-string.ts';
import { Handle } from './sys/handle.ts';

/** Makes a map, program or link outlive this process, as a file on a mounted bpffs. */
export function pin(fd: number, path: string): void {
  const result = bpf('BPF_OBJ_PIN', { pathname: cBytes(path), bpf_fd: fd });
  if (result < 0)
    throw systemCallFailed('BPF_OBJ_PIN', -result, path, 'the directory must be on a mounted bpffs: /sys/fs/bpf');
}

/** The descriptor of what was pinned there. */
export function openPinned(path: string): Handle {
  const result = bpf('BPF_OBJ_GET', { pathname: cBytes(path) });
  if (result < 0) throw systemCallFailed('BPF_OBJ_GET', -result, path);
  return new Handle(result, path);
}

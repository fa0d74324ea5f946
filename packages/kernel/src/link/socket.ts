import { PROG } from '@skep/abi';
import { systemCallFailed } from '../diagnostics.ts';
import type { Program } from '../program.ts';
import { allocate } from '../sys/memory.ts';
import { sys } from '../sys/syscalls.ts';
import { Link } from './link.ts';

/** asm-generic/socket.h */
const SOL_SOCKET = 1;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_BPF = 50;
const SO_ATTACH_REUSEPORT_EBPF = 52;
const SO_DETACH_REUSEPORT_BPF = 68;

/**
 * On one socket, by its descriptor: a filter of what it receives, or the choice among the sockets that share its port
 * (sk_reuseport). The socket holds the program until {@link Link.close} or its own end.
 */
export function attachSocket(program: Program, fd: number): Link {
  const group = program.type === PROG.BPF_PROG_TYPE_SK_REUSEPORT;
  const what = `${group ? 'sockets that share the port of' : 'socket'} ${fd}`;
  setOption(fd, group ? SO_ATTACH_REUSEPORT_EBPF : SO_ATTACH_BPF, program.fd, what);
  return new Link(what, 'setsockopt', [], () => {
    try {
      setOption(fd, group ? SO_DETACH_REUSEPORT_BPF : SO_DETACH_FILTER, 0, what);
    } catch {
      // The socket is closed, and the program gone with it.
      return;
    }
  });
}

function setOption(fd: number, option: number, value: number, what: string): void {
  const memory = allocate(4);
  memory.view.setInt32(0, value, true);
  const result = sys('setsockopt', fd, SOL_SOCKET, option, memory.address, 4);
  memory.free();
  if (result < 0) throw systemCallFailed('setsockopt', -result, what);
}

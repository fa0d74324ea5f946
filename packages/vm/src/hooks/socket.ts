import { uapiRecord } from '@skep/abi';
import type { Memory } from '../memory.ts';
import { type Fields, writeFields } from './fields.ts';

/** A socket of the simulated kernel: fields of `struct bpf_sock` and `struct bpf_tcp_sock` by name, and what helpers tell. */
export interface SocketOptions {
  /** As programs see them: addresses and `dst_port` in network byte order, `src_port` in host byte order. */
  readonly sock?: Fields;
  /** Present for TCP sockets. */
  readonly tcp?: Fields;
  readonly cookie?: bigint;
  readonly uid?: number;
  readonly cgroup?: bigint;
  /** Address of the kernel's `struct sock` (see {@link kernelObject}), for programs that ask for it (`bpf_skc_to_tcp_sock`). */
  readonly kernel?: bigint;
  /** Values of socket options by `level:name`, 32 bits. */
  readonly options?: ReadonlyMap<string, number>;
}

/**
 * A socket in the machine's memory. Programs see its address as a pointer to `struct bpf_sock`; `struct bpf_tcp_sock`
 * lies elsewhere, for `bpf_tcp_sock`.
 */
export class Socket {
  readonly address: number;
  /** 0 when the socket is none of TCP. */
  readonly tcpAddress: number;
  readonly cookie: bigint;
  readonly uid: number;
  readonly cgroup: bigint;
  readonly kernel: bigint | undefined;
  readonly options: Map<string, number>;
  /** What `bpf_sock_ops_cb_flags_set` set. */
  callbackFlags = 0;

  constructor(memory: Memory, from: SocketOptions) {
    const sock = uapiRecord('bpf_sock')!;
    const tcp = uapiRecord('bpf_tcp_sock')!;
    this.address = memory.allocate(sock.size);
    this.tcpAddress = from.tcp ? memory.allocate(tcp.size) : 0;
    writeFields(memory.view, this.address, sock, from.sock ?? {});
    if (from.tcp) writeFields(memory.view, this.tcpAddress, tcp, from.tcp);
    this.cookie = from.cookie ?? BigInt(this.address);
    this.uid = from.uid ?? 0;
    this.cgroup = from.cgroup ?? 1n;
    this.kernel = from.kernel;
    this.options = new Map(from.options);
  }
}

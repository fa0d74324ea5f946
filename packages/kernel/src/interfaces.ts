import { networkInterfaces } from 'node:os';
import { suggest } from '@skep/base';
import { systemCallFailed, unknownInterface } from './diagnostics.ts';
import { Handle } from './sys/handle.ts';
import { allocate } from './sys/memory.ts';
import { sys } from './sys/syscalls.ts';

/** The index of a network interface in our own network namespace. */
export function interfaceIndex(name: string): number {
  const AF_INET = 2;
  const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
  const SIOCGIFINDEX = 0x8933;
  const IFNAMSIZ = 16;
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length >= IFNAMSIZ) throw unknownInterface(name, nearestInterface(name));
  const fd = sys('socket', AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) throw systemCallFailed('socket', -fd, `finding ${name}`);
  const socket = new Handle(fd, 'socket');
  const request = allocate(40);
  try {
    request.bytes.set(bytes);
    if (sys('ioctl', socket.fd, SIOCGIFINDEX, request.address) < 0)
      throw unknownInterface(name, nearestInterface(name));
    return request.view.getInt32(IFNAMSIZ, true);
  } finally {
    request.free();
    socket.close();
  }
}

function nearestInterface(name: string): string | undefined {
  return suggest(name, Object.keys(networkInterfaces()));
}

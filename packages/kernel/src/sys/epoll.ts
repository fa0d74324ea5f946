import { systemCallFailed } from '../diagnostics.ts';
import { Handle } from './handle.ts';
import { allocate } from './memory.ts';
import { sys } from './syscalls.ts';

const EPOLLIN = 1;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
/** struct epoll_event is packed on x86-64 only (include/uapi/linux/eventpoll.h). */
export const EPOLL_EVENT = process.arch === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 };

/** A descriptor that is readable when one of `fds` is; each event's data is its descriptor. */
export function epollSet(fds: readonly number[], what: string): Handle {
  const fd = sys('epoll_create1', EPOLL_CLOEXEC);
  if (fd < 0) throw systemCallFailed('epoll_create1', -fd, what);
  const handle = new Handle(fd, `waiting for ${what}`);
  const memory = allocate(EPOLL_EVENT.size);
  try {
    for (const watched of fds) {
      memory.view.setUint32(0, EPOLLIN, true);
      memory.view.setUint32(EPOLL_EVENT.data, watched, true);
      const result = sys('epoll_ctl', handle.fd, EPOLL_CTL_ADD, watched, memory.address);
      if (result < 0) throw systemCallFailed('epoll_ctl', -result, what);
    }
  } catch (error) {
    handle.close();
    throw error;
  } finally {
    memory.free();
  }
  return handle;
}

import { systemCallFailed } from '../diagnostics.ts';
import { ERRNO } from './errno.ts';
import { Handle } from './handle.ts';
import { allocate } from './memory.ts';
import { native } from './native.ts';
import { SYS, sys } from './syscalls.ts';

/** Sleeps until a descriptor is readable. One sleep at a time. */
export interface Waiter {
  /** True when readable, false when the signal came first. */
  readable(signal: AbortSignal): Promise<boolean>;
  /** After the last {@link readable} has settled. */
  close(): void;
}

/** The event loop's own where the runtime has one, else epoll on another thread, which serves every runtime. */
export function waiter(fd: number): Waiter {
  return native().watch ? loopWaiter(fd) : threadWaiter(fd);
}

/** Over libuv: nothing but the wake-up itself. */
export function loopWaiter(fd: number): Waiter {
  return {
    readable(signal) {
      if (signal.aborted) return Promise.resolve(false);
      return new Promise((resolve) => {
        const finish = (ready: boolean): void => {
          watch.stop();
          signal.removeEventListener('abort', aborted);
          resolve(ready);
        };
        const aborted = (): void => finish(false);
        const watch = native().watch!(fd, () => finish(true));
        signal.addEventListener('abort', aborted, { once: true });
      });
    },
    close() {},
  };
}

const CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
/** struct epoll_event is packed on x86-64 only (include/uapi/linux/eventpoll.h). */
const EVENT = process.arch === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 };

/** Over epoll_pwait(2) on a thread of the pool; an eventfd in the same set calls it back. */
export function threadWaiter(fd: number): Waiter {
  const epoll = opened(sys('epoll_create1', CLOEXEC), 'epoll_create1');
  const wake = opened(sys('eventfd2', 0, CLOEXEC), 'eventfd2');
  const memory = allocate(64);
  for (const watched of [fd, wake.fd]) {
    memory.view.setUint32(0, EPOLLIN, true);
    memory.view.setUint32(EVENT.data, watched, true);
    const result = sys('epoll_ctl', epoll.fd, EPOLL_CTL_ADD, watched, memory.address);
    if (result < 0) throw systemCallFailed('epoll_ctl', -result, `descriptor ${watched}`);
  }
  memory.view.setBigUint64(48, 1n, true);
  let calledBack = false;
  return {
    async readable(signal) {
      if (signal.aborted || calledBack) return false;
      const callBack = (): void => {
        calledBack = true;
        sys('write', wake.fd, memory.address + 48, 8);
      };
      signal.addEventListener('abort', callBack, { once: true });
      const count = await native().syscallAsync(SYS.epoll_pwait, epoll.fd, memory.address, 2, -1, 0, 8);
      signal.removeEventListener('abort', callBack);
      if (count < 0 && count !== -ERRNO.EINTR) throw systemCallFailed('epoll_pwait', -count, 'a ring buffer');
      for (let i = 0; i < count; i++) {
        if (memory.view.getUint32(i * EVENT.size + EVENT.data, true) === fd) return true;
      }
      return false;
    },
    close() {
      wake.close();
      epoll.close();
      memory.free();
    },
  };
}

function opened(fd: number, call: string): Handle {
  if (fd < 0) throw systemCallFailed(call, -fd, 'waiting for a ring buffer');
  return new Handle(fd, call);
}

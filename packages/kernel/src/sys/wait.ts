import { systemCallFailed } from '../diagnostics.ts';
import { EPOLL_EVENT, epollSet } from './epoll.ts';
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

/** Over epoll_pwait(2) on a thread of the pool; an eventfd in the same set calls it back. */
export function threadWaiter(fd: number): Waiter {
  const eventfd = sys('eventfd2', 0, EFD_CLOEXEC);
  if (eventfd < 0) throw systemCallFailed('eventfd2', -eventfd, 'waiting for records');
  const wake = new Handle(eventfd, 'eventfd2');
  const epoll = epollSet([fd, wake.fd], 'records');
  const memory = allocate(64);
  memory.view.setBigUint64(48, 1n, true);
  let calledBack = false;
  return {
    async readable(signal) {
      if (signal.aborted) return false;
      const callBack = (): void => {
        calledBack = true;
        sys('write', wake.fd, memory.address + 48, 8);
      };
      signal.addEventListener('abort', callBack, { once: true });
      const count = await native().syscallAsync(SYS.epoll_pwait, epoll.fd, memory.address, 2, -1, 0, 8);
      signal.removeEventListener('abort', callBack);
      if (calledBack) sys('read', wake.fd, memory.address + 56, 8);
      calledBack = false;
      if (count < 0 && count !== -ERRNO.EINTR) throw systemCallFailed('epoll_pwait', -count, 'waiting for records');
      for (let i = 0; i < count; i++) {
        if (memory.view.getUint32(i * EPOLL_EVENT.size + EPOLL_EVENT.data, true) === fd) return true;
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

const EFD_CLOEXEC = 0o2000000;

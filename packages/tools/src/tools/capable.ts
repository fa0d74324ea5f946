import { clock, left, right } from '../frame/columns.ts';
import { BY_MAP, STACK_ROOM } from '../frame/options.ts';
import { type StackReader, stackReader } from '../frame/stacks.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly tid: number;
  readonly uid: number;
  readonly capability: number;
  readonly audit: number;
  readonly result: number;
  readonly comm: string;
  readonly in_setid: number;
  readonly kernel: number;
  readonly user: number;
}

export const capable: Tool = {
  name: 'capable',
  summary: 'Show which privileges the kernel asks about, and whether processes have them',
  options: [
    { flags: '-v, --verbose', summary: 'also where the answer is not audited', global: 'all' },
    { flags: '--denied', summary: 'only what processes have not', global: 'only_denied' },
    { flags: '-K, --kernel-stack', summary: 'the stack of the kernel below each line', global: 'kernel_stack' },
    { flags: '-U, --user-stack', summary: 'the stack of the process below each line', global: 'user_stack' },
    { flags: '-x, --extra', summary: 'the thread, and whether it is asked for setuid (INSETID)' },
    { flags: '--unique', summary: 'each privilege once for each process', global: 'unique' },
  ],
  refused: [...BY_MAP, STACK_ROOM],
  routes: [
    {
      name: 'kprobe',
      kind: 'exact',
      program: 'capable',
      programs: ['asked', 'answered'],
      needs: [{ kind: 'kprobe', name: 'cap_capable' }],
    },
    {
      name: 'tracepoint',
      kind: 'approximate',
      misses: 'whether the answer is audited, and whether it is for setuid: all are shown as audited',
      program: 'capable',
      programs: ['cap_capable'],
      needs: [{ kind: 'tracepoint', name: 'capability:cap_capable' }],
    },
  ],
  examples: [
    { line: 'skep capable -- su nobody -s /bin/true', does: 'what one command needs' },
    { line: 'skep capable --unique', does: 'what each process on the machine needs' },
    { line: 'skep capable --denied -o wide', does: 'what containers miss' },
  ],
  display(given) {
    let read: StackReader | undefined;
    return {
      kind: 'rows',
      prepare(loaded) {
        read = stackReader(loaded, 'stacks', given.names);
      },
      columns: [
        clock(),
        left('UID', 'uid', 6),
        left('PID', 'pid', 7),
        ...(given.flag('extra') ? [left('TID', 'tid', 7)] : []),
        left('COMM', 'comm', 16),
        right('CAP', 'capability', 4),
        left('NAME', 'name', 20),
        left('AUDIT', 'audit', 6),
        ...(given.flag('extra') ? [right('INSETID', 'insetid', 7)] : []),
        left('RESULT', 'verdict', 7),
      ],
      row(record) {
        const { kernel, user, in_setid, ...event } = record as unknown as Event;
        const stack = [
          ...(given.flag('kernelStack') ? read!.kernel(kernel).reverse() : []),
          ...(given.flag('userStack') ? read!.user(event.pid, user).reverse() : []),
        ];
        const verdict = event.result === 0 ? 'granted' : 'denied';
        const name = NAMES[event.capability] ?? '?';
        const time = given.realtime(event.time);
        return { ...event, time, name, insetid: in_setid, verdict, ...(stack.length > 0 && { stack }) };
      },
      below: ({ stack }) => ((stack ?? []) as readonly string[]).map((one) => `    ${one}\n`).join(''),
    };
  },
};

/** include/uapi/linux/capability.h, in the order of the numbers. */
const NAMES = (
  'CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP ' +
  'CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER ' +
  'CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE ' +
  'CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP ' +
  'CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF ' +
  'CAP_CHECKPOINT_RESTORE'
).split(' ');

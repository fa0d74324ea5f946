import { SkepError, suggest } from '@skep/base';
import type { Row } from '@skep/view';
import { badErrno, noSystemCall } from '../diagnostics.ts';
import { left, right } from '../frame/columns.ts';
import { errnoNumber } from '../frame/errno.ts';
import { INTERVAL } from '../frame/options.ts';
import { taken } from '../frame/taken.ts';
import type { Given, Tool } from '../frame/tool.ts';

interface Entry {
  readonly count: bigint;
  readonly time: bigint;
  readonly comm: string;
}

export const syscount: Tool = {
  name: 'syscount',
  summary: 'Count system calls, by call or by process',
  intervals: true,
  options: [
    { flags: '-P, --process', summary: 'by process', global: 'by_process' },
    { flags: '-L, --latency', summary: 'also how long they took', global: 'measure' },
    { flags: '-m, --milliseconds', summary: 'times in milliseconds' },
    { flags: '-x, --failures', summary: 'only calls that failed', global: 'only_failed' },
    { flags: '-e, --errno', value: 'name', summary: 'only calls that failed with this: ENOENT, or its number' },
    { flags: '--syscall', value: 'name', summary: 'only this call' },
    { flags: '-t, --tid', value: 'tid', kind: 'integer', summary: 'only this thread', global: 'target_tid' },
    { flags: '--ppid', value: 'pid', kind: 'integer', summary: 'only children of this process', global: 'target_ppid' },
    { flags: '-T, --top', value: 'n', kind: 'integer', summary: 'so many at most (default: 10)' },
    INTERVAL,
  ],
  refused: [
    {
      flags: '-l, --list',
      instead: "`skep trace -l 'tracepoint:syscalls:sys_enter_*'` lists the calls of this machine",
    },
  ],
  routes: [
    {
      name: 'raw_syscalls',
      kind: 'exact',
      program: 'syscount',
      needs: [{ kind: 'tracepoint', name: 'raw_syscalls:sys_exit' }],
      programs: (given) => (given.flag('latency') ? ['enter', 'leave'] : ['leave']),
    },
  ],
  examples: [
    { line: 'skep syscount -- ls /etc', does: 'what one command calls' },
    { line: 'skep syscount -P -T 5 1', does: 'the five busiest processes, every second' },
    { line: 'skep syscount -L -e ENOENT', does: 'what fails for want of a file, and what that costs' },
  ],
  display(given) {
    const errno = given.text('errno');
    const target = errno === undefined ? 0 : errnoNumber(errno);
    if (target === undefined) throw new SkepError(badErrno(errno!), 2);
    const latency = given.flag('latency');
    const process = given.flag('process');
    const scale = given.flag('milliseconds') ? 1e6 : 1e3;
    const unit = given.flag('milliseconds') ? 'ms' : 'us';
    return {
      kind: 'table',
      globals: { target_errno: target, target_call: callNumber(given) },
      columns: [
        ...(process ? [left('PID', 'pid', 6), left('COMM', 'comm', 16)] : [left('SYSCALL', 'syscall', 22)]),
        right('COUNT', 'count', 8),
        ...(latency ? [right(`TIME (${unit})`, 'time', 16, (ns) => (Number(ns) / scale).toFixed(3))] : []),
      ],
      rows(loaded) {
        const rows = taken<number, Entry>(loaded, 'counts').map(([key, { count, time, comm }]): Row => {
          const who: Row = process ? { pid: key, comm } : { syscall: given.names.syscall(key) };
          return { ...who, count: Number(count), ...(latency && { time }) };
        });
        const by = latency ? 'time' : 'count';
        rows.sort((a, b) => Number(b[by]) - Number(a[by]));
        return rows.slice(0, given.number('top') ?? 10);
      },
    };
  },
};

/** Numbers end below this on all machines. */
const CALLS = 1024;

/** The number of the call that is meant, or that of none. */
function callNumber(given: Given): number {
  const name = given.text('syscall');
  if (name === undefined) return -1;
  const names = Array.from({ length: CALLS }, (_, number) => given.names.syscall(number));
  const found = names.indexOf(name);
  if (found < 0) throw new SkepError(noSystemCall(name, suggest(name, names)), 2);
  return found;
}

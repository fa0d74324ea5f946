import { SYSCALLS as NUMBERS } from '@skep/abi';

const SIGNAL_ROWS: readonly (readonly [number: number, name: string, text: string])[] = [
  [1, 'HUP', 'Hangup'],
  [2, 'INT', 'Interrupt'],
  [3, 'QUIT', 'Quit'],
  [4, 'ILL', 'Illegal instruction'],
  [5, 'TRAP', 'Trace/breakpoint trap'],
  [6, 'ABRT', 'Aborted'],
  [7, 'BUS', 'Bus error'],
  [8, 'FPE', 'Floating point exception'],
  [9, 'KILL', 'Killed'],
  [10, 'USR1', 'User defined signal 1'],
  [11, 'SEGV', 'Segmentation fault'],
  [12, 'USR2', 'User defined signal 2'],
  [13, 'PIPE', 'Broken pipe'],
  [14, 'ALRM', 'Alarm clock'],
  [15, 'TERM', 'Terminated'],
  [16, 'STKFLT', 'Stack fault'],
  [17, 'CHLD', 'Child exited'],
  [18, 'CONT', 'Continued'],
  [19, 'STOP', 'Stopped (signal)'],
  [20, 'TSTP', 'Stopped'],
  [21, 'TTIN', 'Stopped (tty input)'],
  [22, 'TTOU', 'Stopped (tty output)'],
  [23, 'URG', 'Urgent I/O condition'],
  [24, 'XCPU', 'CPU time limit exceeded'],
  [25, 'XFSZ', 'File size limit exceeded'],
  [26, 'VTALRM', 'Virtual timer expired'],
  [27, 'PROF', 'Profiling timer expired'],
  [28, 'WINCH', 'Window changed'],
  [29, 'IO', 'I/O possible'],
  [30, 'PWR', 'Power failure'],
  [31, 'SYS', 'Bad system call'],
];

/** Texts of signals, as the C library has them. */
export const SIGNALS: ReadonlyMap<number, string> = new Map(SIGNAL_ROWS.map(([number, , text]) => [number, text]));
/** `KILL`, `TERM` … */
export const SIGNALS_BY_NAME: ReadonlyMap<string, number> = new Map(
  SIGNAL_ROWS.map(([number, name]) => [name, number]),
);

/** System calls of x86-64. */
export const SYSCALLS: ReadonlyMap<number, string> = new Map(
  Object.entries(NUMBERS.x86_64).map(([name, number]) => [number, name]),
);

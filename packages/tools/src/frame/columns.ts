import { type Cell, type Column, cellText } from '@skep/view';
import type { Given } from './tool.ts';

/** Text, to the left. */
export function left(title: string, name: string, width: number, text: (value: Cell) => string = cellText): Column {
  return { name, title, width, align: 'left', text: (value) => (value === undefined ? '' : text(value)) };
}

/** Numbers, to the right. */
export function right(title: string, name: string, width: number, text: (value: Cell) => string = cellText): Column {
  return { name, title, width, align: 'right', text: (value) => (value === undefined ? '' : text(value)) };
}

/** The hour on this machine's clock, or in Greenwich, of nanoseconds since 1970: `14:03:22`. */
export function clock(title = 'TIME', name = 'time', zone: 'local' | 'utc' = 'local'): Column {
  return left(title, name, 8, (value) => {
    const date = new Date(Number(value) / 1e6);
    return zone === 'utc' ? date.toISOString().slice(11, 19) : date.toTimeString().slice(0, 8);
  });
}

/** Seconds since the first row, of nanoseconds. */
export function elapsed(title = 'TIME(s)', name = 'since'): Column {
  return right(title, name, 9, (value) => (Number(value) / 1e9).toFixed(3));
}

/** Columns of the time that {@link WHEN} asks for. */
export function when(given: Pick<Given, 'flag'>): Column[] {
  return [...(given.flag('time') ? [clock()] : []), ...(given.flag('timestamp') ? [elapsed()] : [])];
}

/** Nanoseconds since the first time that it is asked, for {@link elapsed}. */
export function stopwatch(): (time: bigint) => bigint {
  let first: bigint | undefined;
  return (time) => {
    first ??= time;
    return time - first;
  };
}

/** Nanoseconds as milliseconds with three decimals. */
export function milliseconds(title: string, name: string, width = 8): Column {
  return right(title, name, width, (value) => (Number(value) / 1e6).toFixed(3));
}

/** Whole ones, to the right. */
export function kilobytes(title: string, name: string, width: number): Column {
  return right(title, name, width, (value) => String(Math.floor(Number(value))));
}

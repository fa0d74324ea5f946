import { constants } from 'node:fs';
import { posix } from 'node:path';
import type { Row } from '@skep/view';
import { left, right } from '../frame/columns.ts';
import { BY_MAP } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';

interface Event extends Row {
  readonly time: bigint;
  readonly uid: number;
  readonly result: number;
  readonly path: string;
}

/** What comes with `--full-path`. */
interface Placed extends Row {
  readonly event: Event;
  /** `struct folder` of programs/include/folder.h. */
  readonly base: { readonly size: number; readonly names: Uint8Array };
}

/** O_RDONLY is no bit. */
const FLAGS = Object.keys(constants).filter((name) => /^O_(?!RDONLY)/.test(name));

export const opensnoop: Tool = {
  name: 'opensnoop',
  summary: 'Show the files that processes open',
  options: [
    { flags: '-x, --failed', summary: 'only opens that failed', global: 'only_failed' },
    { flags: '-t, --tid', value: 'tid', kind: 'integer', summary: 'only this thread', global: 'target_tid' },
    { flags: '-u, --uid', value: 'uid', kind: 'integer', summary: 'only this user', global: 'target_uid' },
    { flags: '-T, --timestamp', summary: 'when, in seconds since the first one' },
    { flags: '-U, --print-uid', summary: 'the user' },
    { flags: '-e, --extended-fields', summary: 'the flags of the open' },
    { flags: '-F, --full-path', summary: 'relative paths from the root on', global: 'full_path' },
    { flags: '-n, --name', value: 'text', summary: 'only commands whose name has this in it' },
    {
      flags: '-f, --flag-filter',
      value: 'flag',
      summary: 'only opens with this flag: O_WRONLY, O_CREAT …',
      choices: FLAGS,
    },
  ],
  refused: [
    ...BY_MAP,
    { flags: '-b, --buffer-pages', value: 'n', instead: 'the ring has room for a megabyte; what is lost is told' },
  ],
  routes: [
    {
      name: 'syscalls',
      kind: 'exact',
      program: 'opensnoop',
      needs: [{ kind: 'tracepoint', name: 'syscalls:sys_enter_openat' }],
    },
  ],
  examples: [
    { line: 'skep opensnoop -- ls /etc', does: 'what one command opens' },
    { line: 'skep opensnoop -x', does: 'what fails on the whole machine' },
    { line: "skep opensnoop --filter 'path startswith /etc' -o jsonl", does: 'configuration files, as JSON lines' },
  ],
  display(given) {
    let first: bigint | undefined;
    const name = given.text('name');
    const wanted = bitOf(given.text('flagFilter'));
    return {
      kind: 'rows',
      columns: [
        ...(given.flag('timestamp') ? [right('TIME(s)', 'since', 9, (ns) => (Number(ns) / 1e9).toFixed(6))] : []),
        ...(given.flag('printUid') ? [left('UID', 'uid', 6)] : []),
        left('PID', 'pid', 6),
        left('COMM', 'comm', 16),
        right('FD', 'fd', 4),
        right('ERR', 'err', 3),
        ...(given.flag('extendedFields') ? [right('FLAGS', 'flags', 8, (flags) => octal(Number(flags)))] : []),
        left('PATH', 'path', 40),
      ],
      row(record) {
        const placed = given.flag('fullPath') ? (record as Placed) : undefined;
        const { time, result, ...event } = placed?.event ?? (record as Event);
        if (wanted !== undefined && !(Number(event['flags']) & wanted)) return undefined;
        if (name !== undefined && !String(event['comm']).includes(name)) return undefined;
        first ??= time;
        const path = placed ? fromRoot(placed.base, event.path) : event.path;
        return { since: time - first, ...event, path, fd: Math.max(-1, result), err: Math.max(0, -result) };
      },
    };
  },
};

/** A path that may be relative, from the folder where it starts. */
function fromRoot({ size, names }: Placed['base'], path: string): string {
  if (path.startsWith('/')) return path;
  const text = new TextDecoder().decode(names.subarray(0, Math.max(0, size - 1)));
  return posix.join('/', ...text.split('\0').reverse(), path);
}

function bitOf(flag: string | undefined): number | undefined {
  return flag === undefined ? undefined : constants[flag as keyof typeof constants];
}

function octal(value: number): string {
  return value.toString(8).padStart(8, '0');
}

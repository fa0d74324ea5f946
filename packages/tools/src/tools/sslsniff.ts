import { left, milliseconds, right } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly tid: number;
  readonly uid: number;
  readonly operation: number;
  readonly size: number;
  readonly copied: number;
  readonly comm: string;
  readonly data: Uint8Array;
}

export const sslsniff: Tool = {
  name: 'sslsniff',
  summary: 'Show what goes through OpenSSL, in clear text',
  options: [
    { flags: '-u, --uid', value: 'uid', kind: 'integer', summary: 'only this user', global: 'target_uid' },
    { flags: '--comm', value: 'name', summary: 'only this command' },
    { flags: '-x, --hexdump', summary: 'bytes as hexadecimal' },
    { flags: '-l, --latency', summary: 'how long the calls took' },
    { flags: '--extra', summary: 'user and thread' },
    { flags: '--max-buffer-size', value: 'n', kind: 'integer', summary: 'show so many bytes of each (default: 8192)' },
    {
      flags: '--library',
      value: 'file',
      summary: 'the library, or a program that has OpenSSL within (default: libssl.so.3)',
    },
  ],
  routes: [
    {
      name: 'openssl',
      kind: 'approximate',
      misses: 'GnuTLS, NSS, BoringSSL and Go, and more than 8 KiB of one call',
      program: 'sslsniff',
      needs: [],
    },
  ],
  examples: [
    { line: 'skep sslsniff', does: 'everything that uses the shared library' },
    { line: 'skep sslsniff --library /usr/bin/node --comm node', does: 'Node, which has OpenSSL within' },
    { line: "skep sslsniff --filter 'func = READ/RECV' -o jsonl", does: 'only what arrives, as JSON lines' },
  ],
  display(given) {
    const library = given.text('library');
    const most = given.number('maxBufferSize') ?? Number.POSITIVE_INFINITY;
    const comm = given.text('comm');
    const calls = ['SSL_write', 'SSL_read', 'SSL_write_ex', 'SSL_read_ex'];
    const targets = calls.flatMap((call) => [
      [`${call}_enter`, `uprobe/${library}:${call}`],
      [`${call}_exit`, `uretprobe/${library}:${call}`],
    ]);
    let first: bigint | undefined;
    return {
      kind: 'rows',
      ...(library !== undefined && { targets: Object.fromEntries(targets) }),
      columns: [
        left('FUNC', 'func', 12),
        right('TIME(s)', 'since', 14, (ns) => (Number(ns) / 1e9).toFixed(9)),
        left('COMM', 'comm', 16),
        left('PID', 'pid', 7),
        ...(given.flag('extra') ? [left('UID', 'uid', 6), left('TID', 'tid', 7)] : []),
        right('LEN', 'size', 6),
        ...(given.flag('latency') ? [milliseconds('LAT(ms)', 'took', 8)] : []),
      ],
      row(record) {
        const { time, copied, operation, data, ...event } = record as unknown as Event;
        if (comm !== undefined && event.comm !== comm) return undefined;
        first ??= time;
        const bytes = data.subarray(0, Math.min(copied, most));
        return {
          func: operation === 0 ? 'WRITE/SEND' : 'READ/RECV',
          time: given.realtime(time),
          since: time - first,
          ...event,
          data: given.flag('hexdump') ? Buffer.from(bytes).toString('hex') : new TextDecoder().decode(bytes),
        };
      },
      below: (row) => `----- DATA -----\n${safe(String(row['data']))}\n----- END DATA -----\n\n`,
    };
  },
};

/** Line breaks and tabs stay; nothing else may control the terminal. */
function safe(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (char) =>
    char === '\r' ? '' : `\\x${char.codePointAt(0)!.toString(16).padStart(2, '0')}`,
  );
}

import { EXIT, SkepError, suggest } from '@skep/base';
import { findBinary } from '@skep/kernel';
import { noLibrary, noSuchLibrary } from '../diagnostics.ts';
import { left, milliseconds, right } from '../frame/columns.ts';
import type { Given, Tool } from '../frame/tool.ts';

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
  summary: 'Show what goes through OpenSSL, GnuTLS and NSS, in clear text',
  options: [
    { flags: '-u, --uid', value: 'uid', kind: 'integer', summary: 'only this user', global: 'target_uid' },
    { flags: '--comm', value: 'name', summary: 'only this command' },
    { flags: '--hexdump', summary: 'bytes as hexadecimal' },
    { flags: '-l, --latency', summary: 'how long the calls took' },
    { flags: '-x, --extra', summary: 'user and thread' },
    { flags: '--max-buffer-size', value: 'n', kind: 'integer', summary: 'show so many bytes of each (default: 8192)' },
    { flags: '--handshake', summary: 'handshakes of OpenSSL, too' },
    { flags: '--without-openssl', summary: 'nothing of OpenSSL' },
    { flags: '-g, --without-gnutls', summary: 'nothing of GnuTLS' },
    { flags: '-n, --without-nss', summary: 'nothing of NSS' },
    {
      flags: '--library',
      value: 'file',
      summary: 'only this library, or program that has OpenSSL within; in front of others gnutls: or nss:',
    },
  ],
  refused: [{ flags: '--extra-lib', value: 'lib', instead: 'use `--library gnutls:FILE`' }],
  routes: [
    {
      name: 'libraries',
      kind: 'approximate',
      misses: 'BoringSSL, Go, what programs have within, and more than 8 KiB of one call',
      program: 'sslsniff',
      needs: [],
      programs: (given) => callsOf(given).flatMap((call) => [`${call}_enter`, `${call}_exit`]),
    },
  ],
  examples: [
    { line: 'skep sslsniff', does: 'everything that uses the shared libraries' },
    { line: 'skep sslsniff --library /usr/bin/node --comm node', does: 'Node, which has OpenSSL within' },
    { line: "skep sslsniff --filter 'func = READ/RECV' -o jsonl", does: 'only what arrives, as JSON lines' },
  ],
  display(given) {
    const library = libraryOf(given);
    const most = given.number('maxBufferSize') ?? Number.POSITIVE_INFINITY;
    const comm = given.text('comm');
    const targets = (library ? callsOf(given) : []).flatMap((call) => [
      [`${call}_enter`, `uprobe/${library!.file}:${call}`],
      [`${call}_exit`, `uretprobe/${library!.file}:${call}`],
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
          func: OPERATIONS[operation] ?? String(operation),
          time: given.realtime(time),
          since: time - first,
          ...event,
          data: given.flag('hexdump') ? Buffer.from(bytes).toString('hex') : new TextDecoder().decode(bytes),
        };
      },
      below: (row) =>
        row['func'] === 'HANDSHAKE' ? '' : `----- DATA -----\n${safe(String(row['data']))}\n----- END DATA -----\n\n`,
    };
  },
};

/** In the order of the program's `enum`. */
const OPERATIONS = ['WRITE/SEND', 'READ/RECV', 'HANDSHAKE'];

/** The libraries with their calls, and the option that leaves one out. */
const LIBRARIES = [
  {
    ...{ name: 'openssl', file: 'libssl.so.3', without: 'withoutOpenssl' },
    calls: ['SSL_write', 'SSL_read', 'SSL_write_ex', 'SSL_read_ex'],
  },
  {
    ...{ name: 'gnutls', file: 'libgnutls.so.30', without: 'withoutGnutls' },
    calls: ['gnutls_record_send', 'gnutls_record_recv'],
  },
  { name: 'nss', file: 'libnspr4.so', without: 'withoutNss', calls: ['PR_Write', 'PR_Send', 'PR_Read', 'PR_Recv'] },
];

/** `--library gnutls:FILE`; without a name in front, OpenSSL. Throws E9037. */
function libraryOf(given: Given) {
  const text = given.text('library');
  if (text === undefined) return undefined;
  const [, name, file] = /^(\w+):(.+)$/.exec(text) ?? [undefined, 'openssl', text];
  const library = LIBRARIES.find((one) => one.name === name);
  const names = LIBRARIES.map((one) => one.name);
  if (library === undefined) throw new SkepError(noSuchLibrary(name!, suggest(name!, names), names), EXIT.usage);
  return { ...library, file: file! };
}

/** The calls that are probed: of the library that is named, or of those that there are. Throws E9036. */
function callsOf(given: Given): string[] {
  const named = libraryOf(given);
  const there = named ? [named] : LIBRARIES.filter((one) => !given.flag(one.without) && isThere(one.file));
  if (there.length === 0) throw new SkepError(noLibrary(LIBRARIES.map((one) => one.file)));
  const handshake = given.flag('handshake') && there.some((one) => one.name === 'openssl');
  return [...there.flatMap((one) => one.calls), ...(handshake ? ['SSL_do_handshake'] : [])];
}

function isThere(file: string): boolean {
  try {
    findBinary(file);
    return true;
  } catch {
    return false;
  }
}

/** Line breaks and tabs stay; nothing else may control the terminal. */
function safe(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, (char) =>
    char === '\r' ? '' : `\\x${char.codePointAt(0)!.toString(16).padStart(2, '0')}`,
  );
}

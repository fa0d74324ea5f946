import { clock, left, milliseconds, right } from '../frame/columns.ts';
import { operationOf, requestFlags } from '../frame/requests.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly waited: bigint;
  readonly cgroup: bigint;
  readonly sector: bigint;
  readonly bytes: number;
  readonly flags: number;
  readonly pid: number;
  readonly device: number;
  readonly error: number;
  readonly comm: string;
}

export const biosnoop: Tool = {
  name: 'biosnoop',
  summary: 'Show requests to disks: for whom, where, how large, how long',
  options: [
    { flags: '-Q, --queued', summary: 'also the time in the queue' },
    { flags: '-d, --disk', value: 'name', summary: 'only this disk' },
    {
      flags: '-P, --pattern',
      summary: 'whether it goes on where the last request of the disk ended: S, or R for random',
    },
    { flags: '-F, --flags', summary: 'all flags of the request, not only read or write' },
    { flags: '-m, --min', value: 'ms', kind: 'integer', summary: 'only what takes at least so long' },
    { flags: '-t, --timestamp', summary: 'the time of day' },
  ],
  routes: [
    {
      name: 'block',
      kind: 'exact',
      program: 'biosnoop',
      needs: [{ kind: 'tracepoint', name: 'block:block_rq_issue' }],
    },
  ],
  examples: [
    { line: 'skep biosnoop', does: 'every request' },
    { line: 'skep biosnoop -Q -d sda', does: 'of one disk, with the time in its queue' },
    { line: "skep biosnoop --filter 'took > 10000000' -o jsonl", does: 'what takes longer than 10 ms' },
  ],
  display(given) {
    const disk = given.text('disk');
    const least = BigInt(given.number('min') ?? 0) * 1_000_000n;
    /** Where the last request of a disk ended, in sectors. */
    const ends = new Map<number, bigint>();
    let first: bigint | undefined;
    return {
      kind: 'rows',
      globals: disk === undefined ? {} : { target_device: given.names.diskNumber(disk) },
      columns: [
        ...(given.flag('timestamp') ? [clock()] : []),
        right('TIME(s)', 'since', 11, (ns) => (Number(ns) / 1e9).toFixed(6)),
        left('COMM', 'comm', 14),
        left('PID', 'pid', 7),
        left('DISK', 'disk', 9),
        left('T', 'type', given.flag('flags') ? 14 : 1),
        left('SECTOR', 'sector', 10),
        right('BYTES', 'bytes', 7),
        ...(given.flag('pattern') ? [left('P', 'pattern', 1)] : []),
        ...(given.flag('queued') ? [milliseconds('QUE(ms)', 'waited', 7)] : []),
        milliseconds('LAT(ms)', 'took', 7),
      ],
      row(record) {
        const { time, device, flags, ...event } = record as unknown as Event;
        first ??= time;
        const pattern = event.sector === ends.get(device) ? 'S' : 'R';
        ends.set(device, event.sector + BigInt(event.bytes) / 512n);
        if (event.took < least) return undefined;
        const type = given.flag('flags') ? requestFlags(flags) : operationOf(flags)[0]!;
        return {
          time: given.realtime(time),
          since: time - first,
          ...event,
          disk: given.names.disk(device),
          type,
          ...(given.flag('pattern') && { pattern }),
        };
      },
    };
  },
};

import { traceLayout as layoutOf, type TraceType } from '@skep/compiler';
import type { Cell } from '@skep/view';
import type { Loaded } from 'skep';
import { type CompiledProbes, compileProbes, meaningsOf } from '../bcc/compile.ts';
import { EVENT, messageFormat, parseTraceSpec, type TraceSpec, traceScript } from '../bcc/trace-spec.ts';
import { left, right, when } from '../frame/columns.ts';
import { COMMON, WHEN } from '../frame/options.ts';
import { stackReader } from '../frame/stacks.ts';
import type { Given, Tool, ToolOption } from '../frame/tool.ts';
import { formatText } from '../trace/printf.ts';
import { intAt, type Meanings, valueText } from '../trace/values.ts';

/** bcc's `trace`; `skep trace` calls it when what it is given are probes and no script. */
export const traceTool: Tool = {
  name: 'trace',
  summary: 'Show calls of functions, tracepoints and static probes, with their arguments',
  description:
    'A probe is a place, a filter in parentheses and a format with arguments, as bcc has them. Places are vfs_read, ' +
    'p::vfs_read or r::vfs_read (kernel: entry, return), c:open (libraries and programs), t:sched:sched_switch, ' +
    'u:FILE:PROBE; parameters may be named in C, p::vfs_read(struct file *file). What has braces is a script of the trace ' +
    'language; so nothing is ever both. System calls are probed at their ' +
    'tracepoints. As for scripts, -f json prints JSON lines, and -o names a file.',
  argument: {
    name: 'probe',
    summary: 'where, when and what: `c:open (arg2 == 0) "%s", arg1`',
    required: true,
    many: true,
  },
  options: [
    { flags: '-L, --tid', value: 'tid', kind: 'integer', summary: 'only this thread' },
    { flags: '--uid', value: 'uid', kind: 'integer', summary: 'only this user' },
    { flags: '-n, --name', value: 'text', summary: 'only commands whose name has this in it' },
    { flags: '--msg-filter', value: 'text', summary: 'only lines whose message has this in it' },
    ...WHEN,
    { flags: '-u, --print-uid', summary: 'the user' },
    { flags: '-C, --print-cpu', summary: 'the processor' },
    { flags: '-K, --kernel-stack', summary: 'the stack of the kernel below each line' },
    { flags: '-U, --user-stack', summary: 'the stack of the process below each line' },
    { flags: '-a, --address', summary: 'addresses in stacks' },
    { flags: '-Z, --string-size', value: 'bytes', kind: 'integer', summary: 'read so much of texts (default: 80)' },
    { flags: '-M, --max-events', value: 'n', kind: 'integer', summary: 'end after so many' },
  ],
  refused: [
    {
      flags: '-A, --aggregate',
      instead: "count with a script: `skep trace 'kprobe:vfs_read { @[comm, arg2] = count(); }'`",
    },
    { flags: '-B, --bin_cmp', instead: 'compare in a script: strncmp and memcmp of the trace language take lengths' },
    { flags: '-S, --include-self', instead: 'calls of skep itself are shown, too' },
    {
      flags: '-s, --sym_file_list',
      value: 'files',
      instead: 'programs and libraries are found by the maps of the process',
    },
    { flags: '-I', value: 'header', instead: "types come from the kernel's BTF, without headers" },
  ],
  routes: [{ name: 'probes', kind: 'exact', program: (given) => compiledOf(given).c, needs: [] }],
  examples: [
    {
      line: `skep trace 'c:open "%s", arg1' -- cat /etc/hostname`,
      does: 'calls of a function, with an argument as text',
    },
    {
      line: `skep trace 'r::sys_openat (retval < 0) "failed: %d", retval'`,
      does: 'system calls that fail, on any kernel',
    },
    {
      line: `skep trace 'p::vfs_read(struct file *file, void *to, size_t count) (count > 4096) "%d", count'`,
      does: 'a function of the kernel, with its parameters in C',
    },
  ],
  display(given) {
    const specs = given.args.map(parseTraceSpec);
    const compiled = compiledOf(given);
    const meanings = meaningsOf(given, compiled.config);
    const wanted = given.text('name');
    const within = given.text('msgFilter');
    const stacks = [
      ...(given.flag('kernelStack') ? (['kernel'] as const) : []),
      ...(given.flag('userStack') ? (['user'] as const) : []),
    ];
    let loaded: Loaded | undefined;
    let first: bigint | undefined;
    return {
      kind: 'rows',
      columns: [
        ...when(given),
        ...(given.flag('printUid') ? [left('UID', 'uid', 7)] : []),
        left('PID', 'pid', 7),
        left('TID', 'tid', 7),
        ...(given.flag('printCpu') ? [right('CPU', 'cpu', 3)] : []),
        left('COMM', 'comm', 15),
        left('FUNC', 'func', 16),
        left('-', 'message', 30),
      ],
      prepare(started) {
        loaded = started;
      },
      row(record) {
        const event = eventOf(record as Uint8Array, compiled, specs, meanings);
        if (event === undefined || (wanted !== undefined && !event.row.comm.includes(wanted))) return undefined;
        if (within !== undefined && !event.row.message.includes(within)) return undefined;
        first ??= event.time;
        const read =
          stacks.length > 0
            ? stackReader(loaded!, compiled.stacks!, given.names, { address: given.flag('address') })
            : undefined;
        const frames = stacks.flatMap((side, i) =>
          (side === 'kernel' ? read!.kernel(event.stacks[i]!) : read!.user(event.row.pid, event.stacks[i]!)).reverse(),
        );
        return {
          ...{ time: given.realtime(event.time), since: event.time - first, ...event.row, ...event.values },
          ...(read && { stack: frames }),
        };
      },
      below: ({ stack }) => ((stack ?? []) as readonly string[]).map((one) => `        ${one}\n`).join(''),
    };
  },
};

/** What `skep trace` takes for probes, and scripts have no use for. */
export const PROBES_ONLY: readonly ToolOption[] = [
  ...traceTool.options,
  ...COMMON.filter((one) => /^--(cgroup|filter|duration|cost|max-cpu)$/.test(one.flags)),
];

function compiledOf(given: Given): CompiledProbes {
  return compileProbes(given, (target) =>
    traceScript(
      given.args.map(parseTraceSpec),
      {
        strings: given.number('stringSize') ?? 80,
        tid: given.number('tid'),
        uid: given.number('uid'),
        kernelStack: given.flag('kernelStack'),
        userStack: given.flag('userStack'),
      },
      target,
    ),
  );
}

/** The values of a record by their names, the message, and the ids of the stacks; undefined when it is no event. */
function eventOf(bytes: Uint8Array, compiled: CompiledProbes, specs: readonly TraceSpec[], meanings: Meanings) {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const action = compiled.actions[Number(data.getBigUint64(0, true))];
  if (action?.kind !== 'printf') return undefined;
  const { record } = action;
  const { offsets } = layoutOf(record);
  const number = (name: (typeof EVENT)[number]) => {
    const item = EVENT.indexOf(name) + 1;
    return intAt(record.items[item]!, data, offsets[item]!);
  };
  const text = (name: (typeof EVENT)[number]) => {
    const item = EVENT.indexOf(name) + 1;
    return valueText(record.items[item]!, data, offsets[item]!, meanings);
  };
  const stacks: number[] = [];
  let next = EVENT.length + 1;
  for (let type = record.items[next]; type?.kind === 'special' && /stack$/.test(type.name); type = record.items[next]) {
    // The id, with the depth of its map above it; negative where there was none.
    stacks.push(data.getInt32(offsets[next]! + 4, true) < 0 ? -1 : data.getInt32(offsets[next]!, true));
    next += 1;
  }
  const { probe, format } = specs[Number(number('spec'))]!;
  const full = text('probe');
  const row = {
    ...{
      pid: Number(number('pid')),
      tid: Number(number('tid')),
      uid: Number(number('uid')),
      cpu: Number(number('cpu')),
    },
    ...{ comm: text('comm'), cgroup: number('cgroup') },
    // Of a pattern, which of its functions it was.
    func: /[*?]/.test(probe.name) ? full.slice(full.lastIndexOf(':') + 1) : probe.name,
    message: format ? formatText(messageFormat(format.text), record, data, meanings, next) : '',
  };
  const values: { [name: string]: Cell } = {};
  for (let item = next; item < record.items.length; item++) {
    values[`arg${item - next + 1}`] = cellOf(record.items[item]!, data, offsets[item]!, meanings);
  }
  return { time: number('time'), stacks, row, values };
}

function cellOf(type: TraceType, data: DataView, at: number, meanings: Meanings): Cell {
  return type.kind === 'int' || type.kind === 'pointer' ? intAt(type, data, at) : valueText(type, data, at, meanings);
}

import { renderDiagnostics } from '@skep/base';
import { dropRights } from '@skep/kernel';
import { costWatch } from '@skep/tools';
import { columnsFor, duration, parseFormat, type Row, RowWriter, SHOW, type Show, toJson } from '@skep/view';
import {
  type AttachOptions,
  type CapturedPacket,
  type HomeName,
  isZero,
  type Loaded,
  type Opened,
  type PacketTotals,
  type RecordType,
  type RunSummary,
  readPacketFile,
  readRecording,
  recordingBeside,
  run,
  type TypedMap,
  type Value,
  writePacketFile,
} from 'skep';
import type { Call, Io, Options } from '../command.ts';
import { globalsOf, readBtf } from './shared.ts';

/** What differs for programs that are not from C. */
export interface RunExtras extends AttachOptions {
  /** In place of `--set`. */
  readonly globals?: { readonly [name: string]: number };
  /** The variable that becomes the command's process. */
  readonly subject?: string | undefined;
  /** Maps and programs are there. */
  loaded?(loaded: Loaded): void;
  /** What is shown at the end, in place of the maps as they are. */
  ended?(loaded: Loaded): string[];
}

/** Runs a program with the options of the command line. */
export async function runProgram(
  call: Call,
  open: () => Opened | Promise<Opened>,
  extras: RunExtras = {},
): Promise<number> {
  const { options, io } = call;
  const format = parseFormat(options.text('output') ?? 'table');
  const opened = await open();
  const file = call.args[0]!;
  const named = options.text('replay');
  const wanted = options.text('home') as HomeName;
  const recordingPath = named ?? (wanted === 'kernel' ? undefined : recordingBeside(file));
  const recording = recordingPath === undefined ? undefined : () => readRecording(recordingPath);

  const pcap = options.text('pcap');
  const packets = pcap === undefined ? undefined : await readPacketFile(pcap);
  if (packets && packets.warnings.length > 0) io.err(`${renderDiagnostics(packets.warnings, { color: io.color })}\n`);
  const forwarded: CapturedPacket[] = [];

  let writer: RowWriter | undefined;
  const people = format.kind === 'table' || format.kind === 'wide' || format.kind === 'columns';
  let maps: string[] = [];
  const cost = costWatch({
    ...{ cost: options.flag('cost'), maxCpu: options.text('maxCpu') },
    ...{ name: 'skep run', err: io.err },
  });
  let costs = {};
  const summary = await run(
    opened.spec,
    {
      home: wanted,
      recording,
      replay: named !== undefined,
      packets,
      ...(options.text('write') !== undefined && { forward: (one: CapturedPacket) => forwarded.push(one) }),
      record: options.text('record'),
      command: call.trailing,
      duration: options.number('duration'),
      count: options.number('count'),
      programs: options.list('program').length > 0 ? options.list('program') : undefined,
      globals: extras.globals ?? globalsOf(call),
      subject: extras.subject,
      types: options.text('types') === undefined ? undefined : readBtf(options.text('types')!),
      ...attachOptions(options),
      ...(extras.frequency !== undefined && { frequency: extras.frequency }),
      signal: io.signal,
    },
    {
      home: ({ host, why }) => {
        const where =
          host.kind === 'kernel'
            ? `the kernel, Linux ${host.release}`
            : pcap !== undefined
              ? `the virtual machine, playing ${pcap}`
              : `the virtual machine, replaying ${recordingPath} (Linux ${host.release})`;
        io.err(`home: ${where}: ${why}\n`);
        const warnings = host.recording?.warnings ?? [];
        if (warnings.length > 0) io.err(`${renderDiagnostics(warnings, { color: io.color })}\n`);
      },
      loaded: (loaded) => extras.loaded?.(loaded),
      ...(cost && { poll: () => cost.look() }),
      started: ({ types, ring, loaded, control }) => {
        cost?.start(loaded, control);
        if (options.flag('dropRights')) dropRights();
        writer = new RowWriter(columnsFor(fieldsOf(types, ring)), format, (text) => io.out(text));
        if (ring !== undefined || !people) writer.head();
      },
      records: (batch) => {
        for (const record of batch) writer?.row(rowOf(record));
      },
      trace: (text) => io.out(text.endsWith('\n') ? text : `${text}\n`),
      ended: (loaded) => {
        costs = cost?.end() ?? {};
        maps = extras.ended?.(loaded) ?? mapTexts(loaded);
      },
    },
  );
  const write = options.text('write');
  if (packets && write !== undefined) writePacketFile(write, packets.interfaces, forwarded);
  const report = { ...reportOf(summary), ...costs, compileMs: opened.time };
  writer?.end(report);
  if (people) for (const text of maps) io.out(text);
  if (format.kind !== 'json') printSummary(io, summary, opened.time);
  return 0;
}

/** Where programs go whose sections do not say it. */
export function attachOptions(options: Options): AttachOptions {
  const named = ['interface', 'cgroup', 'netns', 'direction', 'route'] as const;
  const texts = named.filter((name) => options.text(name) !== undefined).map((name) => [name, options.text(name)!]);
  const pid = options.number('pid');
  const hook = options.text('hook') as NonNullable<AttachOptions['netfilter']>['hook'] | undefined;
  return {
    ...(Object.fromEntries(texts) as AttachOptions),
    ...(pid !== undefined && { pid }),
    ...(hook !== undefined && { netfilter: { hook } }),
  };
}

/** The columns: the members of the ring's record type; raw bytes when its type is not known. */
function fieldsOf(types: readonly RecordType[], ring: string | undefined) {
  if (types.length === 0) return ring === undefined ? [] : [{ name: 'data', kind: 'bytes' as const, size: 64 }];
  return types[0]!.fields.map((field) => ({
    ...field,
    show: SHOW.find((one) => one === field.show) as Show | undefined,
  }));
}

function rowOf(record: Value): Row {
  return record instanceof Uint8Array || typeof record !== 'object' || record === null
    ? { data: record }
    : (record as Row);
}

/** What maps and variables hold at the end, for programs that count instead of sending events. */
function mapTexts(loaded: Loaded): string[] {
  return [
    ...[...loaded.maps.values()]
      .filter(({ spec, name }) => spec.data === undefined && spec.keyType !== 0 && !isInternal(name))
      .map((map) => mapText(map)),
    globalsText(loaded),
  ].filter((text) => text !== '');
}

/** Of loaders and compilers: how static probes are found, for one. */
function isInternal(name: string): boolean {
  return name.startsWith('__');
}

/** Variables that programs write, as far as there is something in them. */
function globalsText(loaded: Loaded): string {
  const written = new Set(
    loaded.object.maps.filter(({ data }) => data === 'bss' || data === 'data').map(({ name }) => name),
  );
  const lines = loaded.object.globals.flatMap(({ name, map, type }) => {
    if (type === 0 || !written.has(map) || isInternal(name)) return [];
    const value = loaded.global(name);
    const text = toJson(value);
    return isZero(value) || text.length > LONGEST ? [] : [`  ${name}: ${text}\n`];
  });
  return lines.length === 0 ? '' : `\nvariables:\n${lines.join('')}`;
}

/** Characters of a variable that are shown; buffers are longer. */
const LONGEST = 200;

/** Entries that are shown of one map. */
const MOST = 64;

function mapText(map: TypedMap): string {
  const entries: (readonly [Value, Value])[] = [];
  for (const entry of map) {
    if (isZero(entry[1])) continue;
    entries.push(entry);
    if (entries.length > MOST) break;
  }
  if (entries.length === 0) return '';
  const lines = entries.slice(0, MOST).map(([key, value]) => `  ${toJson(key)}: ${toJson(value)}\n`);
  const more = entries.length > MOST ? '  …\n' : '';
  return `\n${map.name}:\n${lines.join('')}${more}`;
}

function reportOf(summary: RunSummary) {
  const { recorded, ...rest } = summary;
  return { ...rest, ...(recorded && { recorded }) };
}

function printSummary(io: Io, summary: RunSummary, compileMs: number): void {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const instructions = summary.programs.reduce((sum, one) => sum + one.instructions, 0);
  const parts = [
    `${summary.events} events`,
    `${summary.lost} lost`,
    `${instructions} instructions in ${summary.programs.length} program${summary.programs.length === 1 ? '' : 's'}`,
    `compile ${ms(compileMs)}`,
    `load ${ms(summary.loadMs)}`,
    `attach ${ms(summary.attachMs)}`,
  ];
  if (summary.nsPerEvent !== undefined) parts.push(`${duration(summary.nsPerEvent)} per event`);
  io.err(`\n${parts.join(' · ')}\n`);
  if (summary.packets) io.err(`${packetText(summary.packets)}\n`);
  if (summary.recorded) io.err(`recorded ${summary.recorded.runs} runs, ${summary.recorded.lost} lost\n`);
  if (summary.exitCode) io.err(`the command ended with exit code ${summary.exitCode}\n`);
}

function packetText({ read, forwarded, skipped, verdicts }: PacketTotals): string {
  const programs = Object.entries(verdicts).map(
    ([name, counts]) =>
      `${name}: ${Object.entries(counts)
        .map(([verdict, count]) => `${count} ${verdict}`)
        .join(', ')}`,
  );
  const parts = [
    `${read} packets`,
    `${forwarded} went on`,
    ...(skipped > 0 ? [`${skipped} not seen`] : []),
    ...programs,
  ];
  return parts.join(' · ');
}

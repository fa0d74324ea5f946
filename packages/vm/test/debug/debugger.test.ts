import { compile } from '@skep/compiler';
import { openObject } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Debugger, Machine, testRun, type VmMap } from '../../src/index.ts';

/** Compiles source and puts it into a machine of its own, under a debugger that has a test run of `program`. */
function debug(source: string, program: string, options: { data?: Uint8Array; budget?: number } = {}) {
  const result = compile({ name: 'prog.bpf.c', text: source });
  if (!result.ok) throw new Error(result.diagnostics.map((one) => one.message).join('\n'));
  const object = openObject(result.object, { name: 'prog' });
  const machine = new Machine(options.budget === undefined ? {} : { budget: options.budget });
  const maps = new Map(object.maps.map((spec): [string, VmMap] => [spec.name, machine.createMap(spec)]));
  const programs = object.programs.map((one) => machine.loadProgram(one, maps));
  const loaded = programs.find((one) => one.spec.name === program)!;
  const data = options.data ?? new Uint8Array(64);
  const debugging = new Debugger(machine, {
    programs: object.programs,
    start: () => testRun(machine, loaded, { data }),
  });
  return { debugging, machine, maps, loaded };
}

const COUNT = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static __noinline int weigh(int a, int b)
{
	volatile int sum = a;
	sum += b;
	return sum;
}

static long each(__u32 index, void *context)
{
	__u64 *total = context;
	*total += index;
	return 0;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u64 total = 0;
	__u32 key = ctx->data_end - ctx->data;
	__u64 *record;

	bpf_printk("length %d", key);
	bpf_loop(4, each, &total, 0);
	total += weigh(key, 3);
	bpf_map_update_elem(&seen, &key, &total, BPF_ANY);
	record = bpf_ringbuf_reserve(&events, 8, 0);
	if (record) {
		*record = total;
		bpf_ringbuf_submit(record, 0);
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
`;

const lineOf = (text: string) => COUNT.split('\n').findIndex((line) => line.includes(text)) + 1;

describe('the debugger', () => {
  it('starts before the first instruction, with the context in r1 and the frame in r10', () => {
    const { debugging } = debug(COUNT, 'count');
    expect(debugging.place).toMatchObject({ slot: 0, function: 'count' });
    expect(debugging.registers[1]).toMatchObject({
      name: 'r1',
      meaning: { kind: 'context', offset: 0, field: 'data' },
    });
    expect(debugging.registers[10]!.meaning).toEqual({ kind: 'stack', frame: 0, offset: 0 });
    expect(debugging.registers[0]!.meaning).toEqual({ kind: 'null' });
  });

  it('gives the same result as a run without it', () => {
    const { debugging, maps, machine } = debug(COUNT, 'count');
    const stop = debugging.continue();
    expect(stop).toMatchObject({ kind: 'end', result: { retval: 2 } });
    const seen = maps.get('seen')!;
    expect(seen.keys()).toEqual([Uint8Array.of(64, 0, 0, 0)]);
    const plain = debug(COUNT, 'count');
    expect(testRun(plain.machine, plain.loaded, { data: new Uint8Array(64) }).retval).toBe(2);
    expect(machine.memory.save().bytes.length).toBe(plain.machine.memory.save().bytes.length);
  });

  it('stands at every moment as it stood there on the way forwards', () => {
    const { debugging } = debug(COUNT, 'count');
    const look = () =>
      [
        debugging.moment,
        ...debugging.frames.map((one) => `${one.function}:${one.slot}`),
        ...debugging.registers.map(({ value, meaning }) => `${value} ${meaning.kind}`),
        debugging.stack(0)!.bytes.join(),
      ].join(' | ');
    const there: string[] = [];
    while (debugging.standing.kind === 'paused') {
      there.push(look());
      debugging.step();
    }
    expect(there.length).toBeGreaterThan(40);
    const total = debugging.moment;
    expect(total).toBe(there.length);
    for (let moment = total - 1; moment >= 0; moment--) {
      expect(debugging.back().moment).toBe(moment);
      expect(look()).toBe(there[moment]);
    }
    expect(debugging.back()).toMatchObject({ kind: 'beginning', moment: 0 });
  });

  it('stops at functions and lines, shows the frames, and steps out', () => {
    const { debugging } = debug(COUNT, 'count');
    debugging.break({ function: 'weigh' });
    expect(debugging.continue()).toMatchObject({ kind: 'breakpoint', breakpoint: { number: 1 } });
    expect(debugging.frames.map((one) => one.function)).toEqual(['weigh', 'count']);
    expect(debugging.frames[1]!.line!.line).toBe(lineOf('weigh(key, 3)'));
    expect(debugging.registers[1]!.value).toBe(64n);
    debugging.stepOut();
    expect(debugging.frames.map((one) => one.function)).toEqual(['count']);
    expect(debugging.registers[0]!.value).toBe(67n);
    debugging.remove(1);
    expect(debugging.backOut().moment).toBe(0);
    expect(debugging.place!.slot).toBe(0);
    const at = debugging.break({ file: 'prog.bpf.c', line: lineOf('bpf_map_update_elem') });
    expect(at.kind === 'place' && at.places.length).toBeGreaterThan(0);
    expect(debugging.continue()).toMatchObject({ kind: 'breakpoint', breakpoint: at });
    expect(debugging.place!.line!.text).toContain('bpf_map_update_elem');
  });

  it('steps into callbacks of helpers, back out of them, and over them', () => {
    const { debugging } = debug(COUNT, 'count');
    debugging.break({ function: 'each' });
    for (let index = 0n; index < 4n; index++) {
      expect(debugging.continue()).toMatchObject({ kind: 'breakpoint' });
      expect(debugging.frames.map((one) => [one.function, one.callback])).toEqual([
        ['each', true],
        ['count', false],
      ]);
      expect(debugging.registers[1]!.value).toBe(index);
      expect(debugging.registers[2]!.meaning).toMatchObject({ kind: 'stack', frame: 1 });
    }
    expect(debugging.backContinue()).toMatchObject({ kind: 'breakpoint' });
    expect(debugging.registers[1]!.value).toBe(2n);
    debugging.back();
    expect(debugging.frames.map((one) => one.function)).toEqual(['each', 'count']);
    debugging.remove(1);
    while (debugging.frames.length > 1) debugging.stepOut();
    const { slot } = debugging.place!;
    debugging.backOver();
    expect(debugging.place!.slot).toBe(slot - 1);
    expect(debugging.registers[0]!.value).not.toBe(4n);
    debugging.stepOver();
    expect(debugging.place!.slot).toBe(slot);
    expect(debugging.registers[0]!.value).toBe(4n);
  });

  it('goes by lines of source', () => {
    const { debugging } = debug(COUNT, 'count');
    const lines: number[] = [];
    while (debugging.nextLine().kind === 'step') lines.push(debugging.place!.line!.line);
    for (const text of [
      'bpf_loop(',
      'weigh(key, 3)',
      'bpf_map_update_elem',
      'bpf_ringbuf_reserve',
      'bpf_ringbuf_submit',
    ])
      expect(lines).toContain(lineOf(text));
    expect(lines).not.toContain(lineOf('*total += index'));
    const backwards: number[] = [];
    while (debugging.backLineOver().kind === 'step') backwards.push(debugging.place!.line!.line);
    expect(backwards.reverse().slice(-lines.length)).toEqual(lines);
    while (debugging.stepLine().kind === 'step' && debugging.place!.function !== 'each');
    expect(debugging.place!.line!.line).toBe(lineOf('static long each'));
  });

  it('watches entries of maps, both ways', () => {
    const { debugging } = debug(COUNT, 'count');
    const key = Uint8Array.of(64, 0, 0, 0);
    debugging.watchEntry('seen', key);
    const stop = debugging.continue();
    expect(stop).toMatchObject({ kind: 'watch', before: undefined });
    expect(stop.kind === 'watch' && stop.after![0]).toBe(67 + 6);
    const { moment } = debugging;
    expect(debugging.continue().kind).toBe('end');
    expect(debugging.backContinue()).toMatchObject({ kind: 'watch', moment: moment - 1 });
    expect(debugging.disassembly(0, 0)[0]!.text).toContain('call bpf_map_update_elem');
  });

  it('watches memory', () => {
    const { debugging } = debug(COUNT, 'count');
    const frame = debugging.stack()!;
    debugging.watchMemory(frame.address, frame.bytes.length);
    let changes = 0;
    for (let stop = debugging.continue(); stop.kind === 'watch'; stop = debugging.continue()) {
      expect(stop.before).not.toEqual(stop.after);
      changes += 1;
    }
    expect(changes).toBeGreaterThanOrEqual(4);
  });

  it('says what registers point to: maps, their values, records', () => {
    const { debugging } = debug(COUNT, 'count');
    const kinds = new Set<string>();
    do for (const { meaning } of debugging.registers) kinds.add(meaning.kind);
    while (debugging.step().kind === 'step');
    for (const kind of ['context', 'stack', 'map', 'record', 'null', 'number', 'function'])
      expect(kinds).toContain(kind);
  });

  it('prints what programs trace once, however often it goes back', () => {
    const { debugging, machine } = debug(COUNT, 'count');
    const traced: string[] = [];
    machine.onTrace = (text) => traced.push(text);
    for (let i = 0; i < 3; i++) {
      debugging.continue();
      debugging.goTo(0);
    }
    expect(traced).toEqual(['length 64']);
  });

  it('stands at the instruction that was refused', () => {
    const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int bad(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data;
	return *(int *)(data - ctx->data);
}
char LICENSE[] SEC("license") = "GPL";`;
    const { debugging } = debug(source, 'bad');
    const stop = debugging.continue();
    expect(stop.kind).toBe('fault');
    expect(String(stop.kind === 'fault' && stop.error)).toMatch(/E4010/);
    expect(debugging.disassembly(0, 0)[0]!.text).toMatch(/\*\(u32 \*\)/);
    expect(debugging.back().moment).toBe(stop.moment - 1);
    expect(debugging.continue()).toMatchObject({ kind: 'fault', moment: stop.moment });
  });

  it('ends programs that do not end', () => {
    const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int spin(struct xdp_md *ctx)
{
	volatile int i = 0;
	while (i < 2) i = 1;
	return 0;
}
char LICENSE[] SEC("license") = "GPL";`;
    const { debugging } = debug(source, 'spin', { budget: 1000 });
    const stop = debugging.continue();
    expect(stop).toMatchObject({ kind: 'fault', moment: 1000 });
    expect(String(stop.kind === 'fault' && stop.error)).toMatch(/1000 instructions/);
  });

  it('refuses places and maps that are not there', () => {
    const { debugging } = debug(COUNT, 'count');
    expect(() => debugging.break({ function: 'wiegh' })).toThrow('E4051: there is no function `wiegh`');
    expect(() => debugging.break({ slot: 100000 })).toThrow(/E4051/);
    expect(() => debugging.break({ line: 100000 })).toThrow(/E4051/);
    expect(() => debugging.watchEntry('sein', new Uint8Array(4))).toThrow('E4052: there is no map `sein`');
  });
});

import { uapiField, uapiRecord } from '@skep/abi';
import type { HookSpec } from '@skep/object';
import { badTestRun } from './diagnostics.ts';
import { contextSize, decodeContext, encodeContext, layoutOf, type PlainContext } from './hooks/context.ts';
import type { Fields } from './hooks/fields.ts';
import { kernelObject, type Placed, type PlainObject, releasePlaced } from './hooks/kernel-object.ts';
import { netfilterContext } from './hooks/netfilter.ts';
import { ETH_HLEN, MAX_SKB, SkBuff, type SkbView } from './hooks/skb.ts';
import type { Socket } from './hooks/socket.ts';
import { MAX_PACKET, XdpPacket } from './hooks/xdp.ts';
import type { HookState, Machine, Outcome } from './machine.ts';
import type { VmProgram } from './program.ts';

/** What a program is run on. */
export interface TestRunOptions {
  /** The packet; of sk_msg and sk_skb the bytes of the stream, of sockopt the option's value. */
  readonly data?: Uint8Array;
  /** The context, byte for byte or as plain values. */
  readonly context?: Uint8Array | PlainContext;
  readonly repeat?: number;
  /** The socket that the program runs for: `sk` of its context. */
  readonly socket?: Socket;
  /** What helpers tell of the hook: the traced function's address, the cookie of the link, the result so far. */
  readonly hook?: HookGiven;
}

/** What a test says of the hook beside the context. */
export type HookGiven = Pick<
  HookState,
  'address' | 'cookie' | 'retval' | 'kernelContext' | 'sessionReturn' | 'received'
>;

/** What a run gave and asked for. */
export interface TestRunResult {
  /** r0, as unsigned 32-bit number. */
  readonly retval: number;
  /** The packet as the last run left it; of a flow dissector its `struct bpf_flow_keys`. */
  readonly dataOut: Uint8Array | undefined;
  readonly contextOut: Uint8Array | undefined;
  /** The same as plain values, where the context is a record of the UAPI. */
  readonly fields: Fields | undefined;
  /** What the program asked for beside its verdict: redirects, clones, sockets, signals. */
  readonly outcome: Outcome;
  /** Average over all runs. */
  readonly nsPerRun: number;
}

/** What `BPF_PROG_TEST_RUN` does in the kernel, for programs of any type. Throws E4007, E4010. */
export function testRun(machine: Machine, program: VmProgram, options: TestRunOptions): TestRunResult {
  const repeat = options.repeat ?? 1;
  const { name, hook } = program.spec;
  if (!Number.isInteger(repeat) || repeat < 1) throw badTestRun(name, `it cannot be repeated ${repeat} times`);
  machine.hook = { ...options.hook, ...(options.socket && { socket: options.socket }) };
  try {
    const layout = layoutOf(hook)?.layout;
    if (hook?.programType === 'BPF_PROG_TYPE_XDP') return xdpRun(machine, program, options, repeat);
    if (layout?.kind === 'uapi' && layout.struct === '__sk_buff') return skbRun(machine, program, options, repeat);
    if (hook?.programType === 'BPF_PROG_TYPE_NETFILTER') return netfilterRun(machine, program, options, repeat);
    return contextRun(machine, program, options, repeat);
  } catch (error) {
    if (error instanceof RangeError) throw badTestRun(name, error.message);
    throw error;
  } finally {
    machine.hook = {};
    machine.skb = undefined;
  }
}

function xdpRun(machine: Machine, program: VmProgram, options: TestRunOptions, repeat: number): TestRunResult {
  const { spec } = program;
  const data = options.data ?? new Uint8Array(64);
  if (data.length < ETH_HLEN) throw tooShort(spec.name, data.length);
  if (data.length > MAX_PACKET)
    throw badTestRun(spec.name, `a packet has at most ${MAX_PACKET} bytes, not ${data.length}`);
  machine.packet ??= new XdpPacket(machine.memory);
  const { packet } = machine;
  if (options.context === undefined) packet.fill(data, 1, 0);
  else {
    const context = decodeContext(spec.hook, contextBytes(program, options.context)) ?? {};
    packet.fill(data, Number(context['ingress_ifindex'] || 1), Number(context['rx_queue_index']));
  }
  const run = timed(machine, program, packet.context, repeat);
  return withFields(spec.hook, { ...run, dataOut: packet.withMetadata(), contextOut: packet.record() });
}

/**
 * One XDP run on one packet, for many of them: gives r0 and the packet as it is then, which is `data` itself when the
 * program changed nothing. Throws E4007, E4010.
 */
export function xdpPacket(
  machine: Machine,
  program: VmProgram,
  data: Uint8Array,
): { retval: number; dataOut: Uint8Array } {
  const { name } = program.spec;
  if (data.length < ETH_HLEN) throw tooShort(name, data.length);
  if (data.length > MAX_PACKET) throw badTestRun(name, `a packet has at most ${MAX_PACKET} bytes, not ${data.length}`);
  machine.packet ??= new XdpPacket(machine.memory);
  const { packet } = machine;
  packet.fill(data, 1, 0);
  const retval = machine.run(program, packet.context) >>> 0;
  return { retval, dataOut: packet.is(data) ? data : packet.bytes() };
}

/** Most callers do not look at the fields, and reading them takes longer than most programs. */
function withFields(
  hook: HookSpec | undefined,
  result: Omit<TestRunResult, 'fields'>,
  record = result.contextOut,
): TestRunResult {
  return {
    ...result,
    get fields() {
      return record && decodeContext(hook, record);
    },
  };
}

/** What program types see of a packet (bpf_prog_test_run_skb, net/bpf/test_run.c). */
const VIEWS: Readonly<Record<string, SkbView>> = {
  BPF_PROG_TYPE_SCHED_CLS: { layer2: true, direct: true },
  BPF_PROG_TYPE_SCHED_ACT: { layer2: true, direct: true },
  BPF_PROG_TYPE_SOCKET_FILTER: { layer2: false, direct: false },
  BPF_PROG_TYPE_SK_SKB: { layer2: true, direct: true },
  BPF_PROG_TYPE_FLOW_DISSECTOR: { layer2: true, direct: true },
};

/** Fields of `__sk_buff` that a test may set (convert___skb_to_skb), and those that say where and how a packet came. */
const GIVEN = new Set([
  ...['mark', 'priority', 'ingress_ifindex', 'ifindex', 'cb', 'tstamp', 'wire_len', 'gso_segs', 'gso_size'],
  ...['hwtstamp', 'tc_index', 'queue_mapping', 'hash', 'tc_classid', 'napi_id', 'pkt_type', 'protocol', 'family'],
  ...['remote_ip4', 'local_ip4', 'remote_ip6', 'local_ip6', 'remote_port', 'local_port'],
  ...['vlan_present', 'vlan_tci', 'vlan_proto', 'tstamp_type'],
]);

function skbRun(machine: Machine, program: VmProgram, options: TestRunOptions, repeat: number): TestRunResult {
  const { name, hook } = program.spec;
  const data = options.data ?? new Uint8Array(64);
  const stream = hook!.programType === 'BPF_PROG_TYPE_SK_SKB';
  if (!stream && data.length < ETH_HLEN) throw tooShort(name, data.length);
  if (data.length > MAX_SKB) throw badTestRun(name, `a packet has at most ${MAX_SKB} bytes, not ${data.length}`);
  const skb = new SkBuff(machine.memory);
  try {
    const view = VIEWS[hook!.programType] ?? { layer2: false, direct: true };
    const fields = skbFields(program, options.context);
    // Whoever gives a context gets the length there that he did not give.
    const wire = options.context !== undefined && !fields['wire_len'];
    skb.fill(data, view, fields, options.socket);
    if (wire) skb.set(uapiField(SKB, 'wire_len')!.offset, skb.length);
    machine.skb = skb;
    const flow = hook!.programType === 'BPF_PROG_TYPE_FLOW_DISSECTOR' ? new FlowKeys(machine, skb) : undefined;
    const run = timed(machine, program, skb.context, repeat);
    const record = skb.record();
    const contextOut = given(record);
    const dataOut = flow ? flow.bytes() : skb.packet();
    // The kernel makes a new link-layer header for programs that do not see it.
    if (!view.layer2) dataOut.fill(0, 0, ETH_HLEN);
    flow?.free();
    return withFields(hook, { ...run, dataOut, contextOut }, record);
  } finally {
    skb.free();
  }
}

/** bpf_prog_test_run_nf (net/bpf/test_run.c): the packet is at its network header already. */
function netfilterRun(machine: Machine, program: VmProgram, options: TestRunOptions, repeat: number): TestRunResult {
  const { name, hook } = program.spec;
  const data = options.data ?? new Uint8Array(64);
  if (data.length < ETH_HLEN) throw tooShort(name, data.length);
  if (data.length > MAX_SKB) throw badTestRun(name, `a packet has at most ${MAX_SKB} bytes, not ${data.length}`);
  if (options.context instanceof Uint8Array)
    throw badTestRun(name, 'its context is given as plain values, `{ state, skb }`: the bytes hold pointers');
  const skb = new SkBuff(machine.memory);
  const placed: Placed[] = [];
  try {
    skb.fill(data, { layer2: false, direct: true }, {}, options.socket);
    machine.skb = skb;
    const context = netfilterContext(machine, skb, (options.context ?? {}) as PlainObject, placed);
    const run = timed(machine, program, context, repeat);
    return withFields(hook, { ...run, dataOut: skb.packet(), contextOut: undefined });
  } finally {
    releasePlaced(machine, placed);
    skb.free();
  }
}

/** Only what a test may set: of bytes the rest is left out, of plain values it is an error. */
function skbFields(program: VmProgram, context: TestRunOptions['context']): Fields {
  if (context === undefined) return {};
  if (!(context instanceof Uint8Array)) {
    const wrong = Object.keys(context).find((name) => !GIVEN.has(name) && uapiField(SKB, name) !== undefined);
    if (wrong !== undefined) throw new RangeError(`\`${wrong}\` follows from the packet and cannot be set`);
    return context as Fields;
  }
  const all = decodeContext(program.spec.hook, context) ?? {};
  const set = Object.entries(all).filter(
    ([name, value]) => GIVEN.has(name) && !(value === 0 || value === 0n) && name !== 'protocol' && name !== 'pkt_type',
  );
  return Object.fromEntries(set);
}

const SKB = uapiRecord('__sk_buff')!;
/** What test runs of the kernel give back of `__sk_buff` (convert_skb_to___skb); the rest is zero. */
const RETURNED = 'mark priority ingress_ifindex ifindex cb tstamp wire_len gso_segs hwtstamp'
  .split(' ')
  .map((name) => uapiField(SKB, name)!);

function given(record: Uint8Array): Uint8Array {
  const out = new Uint8Array(record.length);
  for (const { offset, size } of RETURNED) out.set(record.subarray(offset, offset + size), offset);
  return out;
}

/** `struct bpf_flow_keys` of a flow dissector, which starts behind the Ethernet header. */
class FlowKeys {
  private readonly machine: Machine;
  private readonly at: number;

  constructor(machine: Machine, skb: SkBuff) {
    const record = uapiRecord('bpf_flow_keys')!;
    this.machine = machine;
    this.at = machine.memory.allocate(record.size);
    const { view } = machine.memory;
    const offset = (name: string) => this.at + uapiField(record, name)!.offset;
    view.setUint16(offset('nhoff'), ETH_HLEN, true);
    view.setUint16(offset('thoff'), ETH_HLEN, true);
    view.setUint16(offset('n_proto'), view.getUint16(skb.mac + 12, true), true);
    view.setUint32(skb.context + uapiField(SKB, 'flow_keys')!.offset, this.at, true);
  }

  bytes(): Uint8Array {
    return this.machine.memory.bytes.slice(this.at, this.at + 56);
  }

  free(): void {
    this.machine.memory.release(this.at, 56);
  }
}

/** Members of contexts that point at `data` and behind its end, by struct. */
const DATA_POINTERS: Readonly<Record<string, readonly [string, string]>> = {
  sk_msg_md: ['data', 'data_end'],
  sk_reuseport_md: ['data', 'data_end'],
  bpf_sockopt: ['optval', 'optval_end'],
  bpf_sock_ops: ['skb_data', 'skb_data_end'],
};

/** Bytes that `bpf_msg_push_data` can add to a message. */
const MESSAGE_ROOM = 4096;

function contextRun(machine: Machine, program: VmProgram, options: TestRunOptions, repeat: number): TestRunResult {
  const { memory } = machine;
  const { hook } = program.spec;
  const placed: Placed[] = [];
  const bytes = iteratorBytes(machine, program, options.context, placed) ?? contextBytes(program, options.context);
  const layout = layoutOf(hook)?.layout;
  const record = layout?.kind === 'uapi' ? uapiRecord(layout.struct) : undefined;
  const pointers = record && DATA_POINTERS[record.name];
  // A sock_ops program sees a TCP header at some of its events only.
  const none = record?.name === 'bpf_sock_ops' ? undefined : new Uint8Array();
  const data = pointers ? (options.data ?? none) : undefined;
  const at = memory.allocate(bytes.length);
  const room = data && record!.name === 'sk_msg_md' ? data.length + MESSAGE_ROOM : (data?.length ?? 0);
  const dataAt = data ? memory.allocate(room) : 0;
  memory.bytes.set(bytes, at);
  const set = (name: string, value: number) =>
    memory.view.setUint32(at + uapiField(record!, name)!.offset, value, true);
  if (data) {
    memory.bytes.set(data, dataAt);
    set(pointers![0], dataAt);
    set(pointers![1], dataAt + data.length);
    if (record!.name === 'bpf_sockopt' && optionLength(options.context) === 0) set('optlen', data.length);
    if (record!.name === 'sk_msg_md') {
      set('size', data.length);
      machine.message = { context: at, start: dataAt, length: data.length, room };
    }
    if (record!.name === 'bpf_sock_ops') set('skb_len', data.length);
  }
  if (options.socket && record && uapiField(record, 'sk')) set('sk', options.socket.address);
  if (layout?.kind === 'args') {
    const plain = options.context instanceof Uint8Array ? undefined : options.context;
    const count = (plain?.['args'] as readonly unknown[] | undefined)?.length ?? bytes.length / 8;
    machine.hook = { ...machine.hook, args: count, returns: plain?.['ret'] !== undefined };
  }
  try {
    const run = timed(machine, program, at, repeat);
    const contextOut = memory.bytes.slice(at, at + bytes.length);
    const dataOut = data && memory.bytes.slice(dataAt, dataAt + (machine.message?.length ?? data.length));
    return withFields(hook, { ...run, dataOut, contextOut });
  } finally {
    memory.release(at, bytes.length);
    releasePlaced(machine, placed);
    if (data) memory.release(dataAt, room);
    machine.message = undefined;
  }
}

function optionLength(context: TestRunOptions['context']): number {
  return context instanceof Uint8Array ? 1 : Number(context?.['optlen'] ?? 0);
}

/**
 * The context of an iterator by its members: `struct bpf_iter__task` of the kernel's types, pointers as addresses or as
 * what they point to. What it prints is in `outcome.text`.
 */
function iteratorBytes(
  machine: Machine,
  program: VmProgram,
  context: TestRunOptions['context'],
  placed: Placed[],
): Uint8Array | undefined {
  const { hook } = program.spec;
  if (hook?.attachType !== 'BPF_TRACE_ITER' || context === undefined || context instanceof Uint8Array) return undefined;
  const types = machine.kernelTypes();
  const name = `bpf_iter__${hook.target}`;
  const id = types?.find(name, 'struct');
  if (id === undefined) throw new RangeError(`the machine has no kernel types that hold \`struct ${name}\``);
  const at = Number(kernelObject(machine, types!, name, { meta: {}, ...(context as PlainObject) }, placed));
  return machine.memory.bytes.slice(at, at + types!.sizeOf(id));
}

function contextBytes(program: VmProgram, context: TestRunOptions['context']): Uint8Array {
  const { hook } = program.spec;
  if (context === undefined) return new Uint8Array(contextSize(hook));
  if (!(context instanceof Uint8Array)) return encodeContext(hook, context);
  const least = layoutOf(hook)?.layout.kind === 'uapi' ? contextSize(hook) : 0;
  if (context.length >= least) return context;
  const whole = new Uint8Array(least);
  whole.set(context);
  return whole;
}

function tooShort(name: string, length: number) {
  return badTestRun(name, `a packet has at least 14 bytes (an Ethernet header), not ${length}`);
}

function timed(
  machine: Machine,
  program: VmProgram,
  context: number,
  repeat: number,
): Pick<TestRunResult, 'retval' | 'nsPerRun' | 'outcome'> {
  const start = performance.now();
  const r0 = machine.repeat(program, context, repeat);
  const nsPerRun = ((performance.now() - start) * 1e6) / repeat;
  return { retval: r0 >>> 0, nsPerRun, outcome: machine.outcome };
}

import { Fault } from '../fault.ts';
import { give, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';

/**
 * What the kernel gives congestion controls of TCP to build on (net/ipv4/tcp_cong.c). They work on `struct tcp_sock` as
 * the kernel's types of the machine lay it out.
 */
export const tcpKfuncs: Record<string, Helper> = {
  tcp_reno_ssthresh: (machine, r) => giveUnsigned(r, Math.max(get(machine, r, 'snd_cwnd') >>> 1, 2)),
  tcp_reno_undo_cwnd: (machine, r) =>
    giveUnsigned(r, Math.max(get(machine, r, 'snd_cwnd'), get(machine, r, 'prior_cwnd'))),
  // (tcp socket, acknowledged): what is left of the acknowledged segments
  tcp_slow_start: (machine, r) => giveUnsigned(r, slowStart(machine, r, r[4]! >>> 0)),
  // (tcp socket, window, acknowledged)
  tcp_cong_avoid_ai: (machine, r) => {
    additive(machine, r, r[4]! >>> 0, r[6]! >>> 0);
    give(r, 0);
  },
  // (socket, ack, acknowledged)
  tcp_reno_cong_avoid: (machine, r) => {
    let acknowledged = r[6]! >>> 0;
    const window = get(machine, r, 'snd_cwnd');
    // tcp_is_cwnd_limited
    const slow = window < get(machine, r, 'snd_ssthresh');
    const limited =
      get(machine, r, 'is_cwnd_limited') !== 0 || (slow && window < 2 * get(machine, r, 'max_packets_out'));
    if (limited && slow) acknowledged = slowStart(machine, r, acknowledged);
    if (limited && acknowledged > 0) additive(machine, r, get(machine, r, 'snd_cwnd'), acknowledged);
    give(r, 0);
  },
};

function slowStart(machine: Machine, r: Int32Array, acknowledged: number): number {
  const window = get(machine, r, 'snd_cwnd');
  const next = Math.min(window + acknowledged, get(machine, r, 'snd_ssthresh'));
  set(machine, r, 'snd_cwnd', Math.min(next, get(machine, r, 'snd_cwnd_clamp')));
  return acknowledged - (next - window);
}

function additive(machine: Machine, r: Int32Array, window: number, acknowledged: number): void {
  let count = get(machine, r, 'snd_cwnd_cnt');
  let own = get(machine, r, 'snd_cwnd');
  if (count >= window) {
    count = 0;
    own += 1;
  }
  count += acknowledged;
  if (count >= window && window > 0) {
    const delta = Math.floor(count / window);
    count -= delta * window;
    own += delta;
  }
  set(machine, r, 'snd_cwnd_cnt', count);
  set(machine, r, 'snd_cwnd', Math.min(own, get(machine, r, 'snd_cwnd_clamp')));
}

interface Place {
  readonly at: number;
  readonly bit: number;
  readonly bits: number;
}

function placeOf(machine: Machine, r: Int32Array, name: string): Place {
  const types = machine.kernelTypes();
  const id = types?.find('tcp_sock', 'struct');
  const struct = id === undefined ? undefined : types!.type(id);
  const member = struct?.kind === 'struct' ? struct.members.find((one) => one.name === name) : undefined;
  if (member === undefined)
    throw new Fault('call', `it needs \`tcp_sock.${name}\`, and the machine has no kernel types that hold it`);
  const bits = member.bitSize || 8 * types!.sizeOf(member.type);
  const at = machine.memory.check(r[2]!, r[3]!, types!.sizeOf(id!), 'a TCP socket') + (member.bitOffset >> 3);
  return { at, bit: member.bitOffset & 7, bits };
}

function get(machine: Machine, r: Int32Array, name: string): number {
  const { at, bit, bits } = placeOf(machine, r, name);
  const { view } = machine.memory;
  return bits === 32 ? view.getUint32(at, true) : (view.getUint8(at) >> bit) & ((1 << bits) - 1);
}

function set(machine: Machine, r: Int32Array, name: string, value: number): void {
  machine.memory.view.setUint32(placeOf(machine, r, name).at, value, true);
}

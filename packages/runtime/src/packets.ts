import { SkepError } from '@skep/base';
import { type CapturedPacket, LINKTYPE_ETHERNET, LINKTYPE_RAW, type PacketCapture } from '@skep/capture';
import { noPacketProgram, unknownLink } from './diagnostics.ts';
import type { Host } from './host.ts';
import type { Loaded, LoadedProgram } from './loaded.ts';

/** How many packets there were, and what became of them. */
export interface PacketTotals {
  read: number;
  /** Went on, as they were or changed. */
  forwarded: number;
  /** Too short or too long for the programs, which did not see them. */
  skipped: number;
  /** By program: how often each verdict was given. */
  readonly verdicts: { [program: string]: { [verdict: string]: number } };
}

/**
 * Runs the programs over packets of a capture, in order: those of XDP first, then tc, then the others over `__sk_buff`.
 * A packet that one drops is not seen by the next. Those that go on are handed to `forward` as the programs left them.
 * Gives the number of packets after each of at most `batch`. Throws E8017 when there is no such program, E8018 for a
 * kind of link without Ethernet or IP.
 */
export function* playPackets(
  loaded: Loaded,
  host: Host,
  capture: PacketCapture,
  totals: PacketTotals,
  forward: (packet: CapturedPacket) => void,
  batch = 64,
): Generator<number, void, void> {
  const programs = [...loaded.programs.values()]
    .filter((one) => STAGES[typeOf(one)] !== undefined)
    .sort((a, b) => STAGES[typeOf(a)]!.order - STAGES[typeOf(b)]!.order);
  if (programs.length === 0) throw new SkepError(noPacketProgram(loaded.object.name));
  for (const { linkType } of capture.interfaces) {
    if (linkType !== LINKTYPE_ETHERNET && linkType !== LINKTYPE_RAW) throw new SkepError(unknownLink(linkType));
  }
  const isRaw = (packet: CapturedPacket): boolean => capture.interfaces[packet.interface]!.linkType === LINKTYPE_RAW;
  const pass = (packet: CapturedPacket, after: Uint8Array): void => {
    totals.forwarded += 1;
    const data = isRaw(packet) ? after.subarray(ETH_HLEN) : after;
    // What was cut off when it was captured is still missing.
    forward({ ...packet, data, length: data.length + Math.max(0, packet.length - packet.data.length) });
  };
  for (let at = 0; at < capture.packets.length; at += batch) {
    const some = capture.packets.slice(at, at + batch);
    const only = programs.length === 1 ? programs[0]! : undefined;
    const whole = some.map((packet) => (isRaw(packet) ? withHeader(packet.data) : packet.data));
    if (only === undefined || !atOnce(only, host, some, whole, totals, pass)) {
      some.forEach((packet, i) => {
        host.advance?.(packet.time);
        totals.read += 1;
        const after = through(programs, whole[i]!, totals);
        if (after !== undefined) pass(packet, after);
      });
    }
    yield some.length;
  }
}

/** All packets through one program in one go; false when the host or the program does not allow it. */
function atOnce(
  program: LoadedProgram,
  host: Host,
  packets: readonly CapturedPacket[],
  whole: readonly Uint8Array[],
  totals: PacketTotals,
  pass: (packet: CapturedPacket, after: Uint8Array) => void,
): boolean {
  const stage = STAGES[typeOf(program)]!;
  if (!whole.every((data) => data.length >= ETH_HLEN && data.length <= stage.most)) return false;
  // The program does not ask what time it is, or it would see each packet alone.
  host.advance?.(packets[0]!.time);
  const took = program.packets(whole, (i, retval, dataOut) => {
    totals.read += 1;
    if (judge(program, stage, retval, totals)) pass(packets[i]!, stage.changes ? dataOut() : whole[i]!);
  });
  if (took) host.advance?.(packets.at(-1)!.time);
  return took;
}

/** Counts a verdict; true when the packet goes on. */
function judge(program: LoadedProgram, stage: Stage, retval: number, totals: PacketTotals): boolean {
  const { name, keeps } = stage.verdict(retval | 0);
  totals.verdicts[program.name] ??= {};
  const counts = totals.verdicts[program.name]!;
  counts[name] = (counts[name] ?? 0) + 1;
  return keeps;
}

/** The packet behind all programs; undefined when one dropped it. */
function through(programs: readonly LoadedProgram[], packet: Uint8Array, totals: PacketTotals): Uint8Array | undefined {
  let data = packet;
  for (const program of programs) {
    const stage = STAGES[typeOf(program)]!;
    if (data.length < ETH_HLEN || data.length > stage.most) {
      totals.skipped += 1;
      continue;
    }
    const { retval, dataOut } = program.packet(data);
    if (!judge(program, stage, retval, totals)) return undefined;
    if (stage.changes) data = dataOut;
  }
  return data;
}

interface Stage {
  readonly order: number;
  /** Bytes of the longest packet. */
  readonly most: number;
  readonly changes: boolean;
  verdict(result: number): { readonly name: string; readonly keeps: boolean };
}

const XDP = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];
const TC = ['OK', 'RECLASSIFY', 'SHOT', 'PIPE', 'STOLEN', 'QUEUED', 'REPEAT', 'REDIRECT', 'TRAP'];
const TC_DROPS = new Set([2, 4, 5, 8]);

const tc: Stage = {
  order: 1,
  most: 65550,
  changes: true,
  verdict: (result) => ({
    name: result === -1 ? 'TC_ACT_UNSPEC' : TC[result] ? `TC_ACT_${TC[result]}` : String(result),
    keeps: !TC_DROPS.has(result),
  }),
};

const STAGES: Readonly<Record<string, Stage>> = {
  BPF_PROG_TYPE_XDP: {
    order: 0,
    most: 4096 - 256 - 320,
    changes: true,
    // What XDP does not know counts as aborted.
    verdict: (result) => ({ name: XDP[result] ?? String(result), keeps: result >= 2 && result <= 4 }),
  },
  BPF_PROG_TYPE_SCHED_CLS: tc,
  BPF_PROG_TYPE_SCHED_ACT: tc,
  BPF_PROG_TYPE_CGROUP_SKB: {
    order: 2,
    most: 65550,
    changes: false,
    verdict: (result) => ({ name: (result & 1) === 1 ? 'allow' : 'deny', keeps: (result & 1) === 1 }),
  },
  BPF_PROG_TYPE_SOCKET_FILTER: {
    order: 3,
    most: 65550,
    changes: false,
    verdict: (result) => ({ name: result === 0 ? 'drop' : 'keep', keeps: result !== 0 }),
  },
};

function typeOf(program: LoadedProgram): string {
  return program.spec.hook?.programType ?? '';
}

/** An Ethernet header for a packet that starts with IP. */
function withHeader(packet: Uint8Array): Uint8Array {
  const data = new Uint8Array(ETH_HLEN + packet.length);
  const version = (packet[0] ?? 0) >> 4;
  data.set(version === 6 ? [0x86, 0xdd] : [0x08, 0x00], 12);
  data.set(packet, ETH_HLEN);
  return data;
}

const ETH_HLEN = 14;

// Unit tests of an XDP program: packets in, verdict and maps out. No kernel, no root, no network interface.
import { fileURLToPath } from 'node:url';
import { type Loaded, openFile, vm } from 'skep';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipv4, ipv6 } from './packets.ts';

const { spec } = openFile(fileURLToPath(new URL('../xdp_count.bpf.c', import.meta.url)));
const XDP_PASS = 2;
const [TCP, UDP] = [6, 17];

describe('xdp_count', () => {
  let loaded: Loaded;
  beforeEach(() => {
    loaded = spec.load(vm({ cpus: 2 }));
  });
  afterEach(() => loaded.close());

  const send = (data: Uint8Array) => loaded.programs.get('xdp_count')!.run({ data }).retval;
  const counted = (protocol: number) => loaded.maps.get('counters')!.get(protocol);
  const NOTHING = { packets: 0n, bytes: 0n };

  it('counts packets and bytes by protocol, on the CPU that saw them', () => {
    expect(send(ipv4(TCP, 60))).toBe(XDP_PASS);
    expect(send(ipv4(TCP, 1500))).toBe(XDP_PASS);
    expect(send(ipv6(UDP, 100))).toBe(XDP_PASS);
    expect(counted(TCP)).toEqual([{ packets: 2n, bytes: 1560n }, NOTHING]);
    expect(counted(UDP)).toEqual([{ packets: 1n, bytes: 100n }, NOTHING]);
  });

  it('adds to what is there', () => {
    loaded.maps.get('counters')!.set(TCP, [{ packets: 40n, bytes: 4000n }, NOTHING]);
    send(ipv4(TCP, 60));
    expect(counted(TCP)).toEqual([{ packets: 41n, bytes: 4060n }, NOTHING]);
  });

  it('looks behind two VLAN tags, not three', () => {
    send(ipv4(UDP, 64, [1, 2]));
    send(ipv4(UDP, 64, [1, 2, 3]));
    expect(counted(UDP)).toEqual([{ packets: 1n, bytes: 64n }, NOTHING]);
  });

  it('passes on packets that are cut off, at every length, and leaves them as they are', () => {
    for (let length = 14; length < 34; length++) {
      const packet = ipv4(TCP, 64).slice(0, length);
      const result = loaded.programs.get('xdp_count')!.run({ data: packet });
      expect(result.retval).toBe(XDP_PASS);
      expect(result.dataOut).toEqual(packet);
    }
    expect(counted(TCP)).toEqual([NOTHING, NOTHING]);
  });
});

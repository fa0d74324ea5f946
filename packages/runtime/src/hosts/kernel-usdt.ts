import { SkepError } from '@skep/base';
import { type BpfMap, kernelSetting, type UsdtPlace, usdtAddress } from '@skep/kernel';
import { type Btf, type MapSpec, parseUsdtArguments, type UsdtArgument } from '@skep/object';
import { usdtUnreadable } from '../diagnostics.ts';
import { type Encodable, encode } from '../typed/encode.ts';
import { u32 } from './kernel-map.ts';

/** Where `bpf_usdt_arg` of bpf/usdt.bpf.h looks; an object that includes it has these maps. */
const SPECS = '__bpf_usdt_specs';
const ADDRESSES = '__bpf_usdt_ip_to_spec_id';

/**
 * Where the arguments of static probes are, for `bpf_usdt_arg`, `bpf_usdt_arg_cnt` and `bpf_usdt_cookie`: one entry of the
 * map for each way that a place of a probe has them. The cookie of its uprobe names it; where kernels have no cookies (before
 * 5.15), another map does, by the address that the probe is met at.
 */
export class UsdtSpecs {
  private readonly map: BpfMap;
  /** Of entries by address; undefined where cookies name them. */
  private readonly addresses: BpfMap | undefined;
  private readonly spec: MapSpec;
  private readonly btf: Btf;
  /** What each entry was written for, and by how many places it is used. */
  private readonly entries: { key: string; users: number }[] = [];
  private readonly known = new Map<bigint, { readonly id: number; users: number }>();

  constructor(map: BpfMap, addresses: BpfMap | undefined, spec: MapSpec, btf: Btf) {
    this.map = map;
    this.addresses = addresses;
    this.spec = spec;
    this.btf = btf;
  }

  /** Undefined for objects that ask for no arguments. */
  static of(maps: ReadonlyMap<string, BpfMap>, specs: readonly MapSpec[], btf: Btf | undefined): UsdtSpecs | undefined {
    const map = maps.get(SPECS);
    const spec = specs.find((one) => one.name === SPECS);
    if (!map || !spec || !btf) return undefined;
    return new UsdtSpecs(
      map,
      kernelSetting('LINUX_HAS_BPF_COOKIE') === '1' ? undefined : maps.get(ADDRESSES),
      spec,
      btf,
    );
  }

  /** Entries for places of one probe, until they are released. Throws E8023. */
  open(
    program: string,
    { binary, pid }: { readonly binary: string; readonly pid?: number | undefined },
    userCookie: bigint,
  ): { cookie(place: UsdtPlace): number | undefined; release(): void } {
    const releases: (() => void)[] = [];
    return {
      cookie: (place) => {
        const id = this.entryOf(program, place, userCookie);
        this.entries[id]!.users++;
        releases.push(() => this.entries[id]!.users--);
        if (this.addresses === undefined) return id;
        releases.push(this.nameAddress(this.addresses, program, place, usdtAddress(binary, place, pid), id));
        return undefined;
      },
      release: () => {
        for (const release of releases.splice(0)) release();
      },
    };
  }

  /** Names the entry for an address; gives what takes that back. */
  private nameAddress(
    map: BpfMap,
    program: string,
    place: UsdtPlace,
    address: bigint | undefined,
    id: number,
  ): () => void {
    const probe = `${place.provider}:${place.name}`;
    if (address === undefined)
      throw new SkepError(
        usdtUnreadable(
          program,
          probe,
          'before Linux 5.15 they are found by the address of the probe, which differs from process to process',
          'name a process that runs the program, or has loaded the library',
        ),
      );
    const there = this.known.get(address) ?? { id, users: 0 };
    if (there.id !== id)
      throw new SkepError(
        usdtUnreadable(
          program,
          probe,
          'before Linux 5.15 all that is attached to a place has one cookie, and there is another already',
          'give the same cookie, or attach one after the other',
        ),
      );
    const key = u64(address);
    map.update(key, u32(id));
    there.users++;
    this.known.set(address, there);
    return () => {
      if (--there.users > 0) return;
      this.known.delete(address);
      map.delete(key);
    };
  }

  private entryOf(program: string, place: UsdtPlace, userCookie: bigint): number {
    const key = `${userCookie} ${place.arguments}`;
    const known = this.entries.findIndex((one) => one.key === key && one.users > 0);
    if (known >= 0) return known;
    const free = this.entries.findIndex((one) => one.users === 0);
    const id = free >= 0 ? free : this.entries.length;
    const probe = `${place.provider}:${place.name}`;
    if (id >= this.spec.maxEntries)
      throw new SkepError(
        usdtUnreadable(
          program,
          probe,
          `it has more kinds of places than the ${this.spec.maxEntries} that there is room for`,
          '`#define BPF_USDT_MAX_SPEC_CNT` with a larger number before including bpf/usdt.bpf.h',
        ),
      );
    this.map.update(u32(id), this.encode(program, probe, place, userCookie));
    this.entries[id] = { key, users: 0 };
    return id;
  }

  private encode(program: string, probe: string, place: UsdtPlace, userCookie: bigint): Uint8Array {
    const texts = place.arguments.trim().split(/\s+(?=-?\d+f?@)/);
    const found = parseUsdtArguments(place.arguments, process.arch === 'arm64' ? 'arm64' : 'x86_64');
    const args = found.map((one, i): Encodable => {
      if (one) return argument(one);
      const why = `\`${texts[i]}\` is no place that is known`;
      throw new SkepError(
        usdtUnreadable(program, probe, why, 'attach to another probe, or use uprobes on the function around it'),
      );
    });
    return encode(
      this.btf,
      this.spec.valueType,
      { args, usdt_cookie: BigInt.asUintN(64, userCookie), arg_cnt: args.length },
      `probe ${probe}`,
    );
  }
}

function argument(one: UsdtArgument): Encodable {
  const common = { arg_signed: one.signed, arg_bitshift: 64 - 8 * one.size };
  switch (one.kind) {
    case 'constant':
      return { ...common, arg_type: 'BPF_USDT_ARG_CONST', val_off: BigInt.asUintN(64, one.value) };
    case 'register':
      return { ...common, arg_type: 'BPF_USDT_ARG_REG', reg_off: one.offset };
    case 'memory': {
      const place = { ...common, val_off: BigInt.asUintN(64, one.displacement), reg_off: one.base };
      if (one.index === undefined) return { ...place, arg_type: 'BPF_USDT_ARG_REG_DEREF' };
      const scale = { idx_reg_off: one.index, scale_bitshift: Math.log2(one.scale) };
      return { ...place, ...scale, arg_type: 'BPF_USDT_ARG_SIB' };
    }
  }
}

function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

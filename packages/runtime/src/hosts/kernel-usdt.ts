import { SkepError } from '@skep/base';
import type { BpfMap, UsdtPlace } from '@skep/kernel';
import { type Btf, type MapSpec, parseUsdtArguments, type UsdtArgument } from '@skep/object';
import { usdtUnreadable } from '../diagnostics.ts';
import { type Encodable, encode } from '../typed/encode.ts';

/** Where `bpf_usdt_arg` of bpf/usdt.bpf.h looks; an object that includes it has this map. */
const SPECS = '__bpf_usdt_specs';

/**
 * Where the arguments of static probes are, for `bpf_usdt_arg`, `bpf_usdt_arg_cnt` and `bpf_usdt_cookie`: one entry of the
 * map for each way that a place of a probe has them, which the cookie of its uprobe names.
 */
export class UsdtSpecs {
  private readonly map: BpfMap;
  private readonly spec: MapSpec;
  private readonly btf: Btf;
  /** What each entry was written for, and by how many places it is used. */
  private readonly entries: { key: string; users: number }[] = [];

  constructor(map: BpfMap, spec: MapSpec, btf: Btf) {
    this.map = map;
    this.spec = spec;
    this.btf = btf;
  }

  /** Undefined for objects that ask for no arguments. */
  static of(maps: ReadonlyMap<string, BpfMap>, specs: readonly MapSpec[], btf: Btf | undefined): UsdtSpecs | undefined {
    const map = maps.get(SPECS);
    const spec = specs.find((one) => one.name === SPECS);
    return map && spec && btf ? new UsdtSpecs(map, spec, btf) : undefined;
  }

  /** Entries for places of one probe, until they are released. Throws E8023. */
  open(program: string, userCookie: bigint): { cookie(place: UsdtPlace): number; release(): void } {
    const used: number[] = [];
    return {
      cookie: (place) => {
        const id = this.entryOf(program, place, userCookie);
        this.entries[id]!.users++;
        used.push(id);
        return id;
      },
      release: () => {
        for (const id of used.splice(0)) this.entries[id]!.users--;
      },
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

function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

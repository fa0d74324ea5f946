import type { Btf } from './btf.ts';
import type { BtfComposite, BtfId, BtfMember } from './model.ts';

/** What stands in a record's body, in order. */
export type LayoutPart =
  | { readonly kind: 'member'; readonly member: BtfMember }
  /** Unnamed bit-fields, which leave no trace in debug information: `unsigned long : 64`. */
  | { readonly kind: 'padding'; readonly text: string };

/** How C would lay out records, and what must be added so that it lays them out as BTF says. Offsets are in bits. */
export class CLayout {
  private readonly btf: Btf;
  private readonly packed = new Map<BtfId, boolean>();
  private readonly alignments = new Map<BtfId, number>();

  constructor(btf: Btf) {
    this.btf = btf;
  }

  /** Whether members lie closer than C would put them. */
  isPacked(id: BtfId): boolean {
    let packed = this.packed.get(id);
    if (packed === undefined) {
      // A damaged record may contain itself.
      this.packed.set(id, false);
      packed = this.needsPacking(this.btf.type(id) as BtfComposite);
      this.packed.set(id, packed);
    }
    return packed;
  }

  parts(id: BtfId): LayoutPart[] {
    const record = this.btf.type(id) as BtfComposite;
    const parts: LayoutPart[] = [];
    const pad = (from: number, to: number) => {
      for (const text of padding(from, to)) parts.push({ kind: 'padding', text });
    };
    if (record.kind === 'union') {
      let end = 0;
      for (const member of record.members) {
        parts.push({ kind: 'member', member });
        end = Math.max(end, this.endOf(member));
      }
      const align = this.isPacked(id) ? 8 : this.alignmentOf(id) * 8;
      if (up(end, align) < record.size * 8)
        parts.push({ kind: 'padding', text: `unsigned char __padding[${record.size}]` });
      return parts;
    }
    const isPacked = this.isPacked(id);
    let at = 0;
    for (const member of record.members) {
      const align = isPacked ? 8 : this.alignmentOf(member.type) * 8;
      const natural = member.bitSize > 0 ? this.nextBitField(at, member, isPacked) : up(at, align);
      if (member.bitOffset > natural || (member.bitSize > 0 && member.bitOffset > at)) pad(at, member.bitOffset);
      parts.push({ kind: 'member', member });
      at = Math.max(at, this.endOf(member));
    }
    const align = isPacked ? 8 : this.alignmentOf(id) * 8;
    if (up(at, align) < record.size * 8) pad(at, record.size * 8);
    return parts;
  }

  private nextBitField(at: number, member: BtfMember, isPacked: boolean): number {
    const unit = this.sizeOf(member.type) * 8;
    return !isPacked && unit > 0 && Math.floor(at / unit) !== Math.floor((at + member.bitSize - 1) / unit)
      ? up(at, unit)
      : at;
  }

  private needsPacking(record: BtfComposite): boolean {
    let most = 1;
    for (const member of record.members) {
      const align = this.alignmentOf(member.type);
      most = Math.max(most, align);
      if (member.bitSize === 0) {
        if (member.bitOffset % (align * 8) !== 0) return true;
        continue;
      }
      const unit = this.sizeOf(member.type) * 8;
      const last = member.bitOffset + member.bitSize - 1;
      if (unit > 0 && Math.floor(member.bitOffset / unit) !== Math.floor(last / unit)) return true;
    }
    return record.size % most !== 0;
  }

  /** In bytes. */
  private alignmentOf(id: BtfId): number {
    const known = this.alignments.get(id);
    if (known !== undefined) return known;
    this.alignments.set(id, 1);
    const alignment = this.alignmentOnce(id);
    this.alignments.set(id, alignment);
    return alignment;
  }

  private alignmentOnce(id: BtfId): number {
    const at = this.btf.resolve(id);
    if (at === 0) return 1;
    const type = this.btf.type(at);
    switch (type.kind) {
      case 'ptr':
        return 8;
      case 'int':
      case 'float':
      case 'enum':
      case 'enum64':
        return Math.max(1, Math.min(type.size, 16));
      case 'array':
        return this.alignmentOf(type.type);
      case 'struct':
      case 'union':
        if (this.isPacked(at)) return 1;
        return type.members.reduce((most, member) => Math.max(most, this.alignmentOf(member.type)), 1);
      default:
        return 1;
    }
  }

  private endOf(member: BtfMember): number {
    return member.bitOffset + (member.bitSize || this.sizeOf(member.type) * 8);
  }

  private sizeOf(id: BtfId): number {
    const at = this.btf.resolve(id);
    if (at === 0) return 0;
    const kind = this.btf.kind(at);
    return kind === 'fwd' || kind === 'func_proto' || kind === 'func' ? 0 : this.btf.sizeOf(at);
  }
}

function up(value: number, to: number): number {
  return to > 0 ? Math.ceil(value / to) * to : value;
}

/** Never across the unit of its type, so that each lies where it is meant to, whatever stands before it. */
function padding(from: number, to: number): string[] {
  const parts: string[] = [];
  for (let at = from; at < to; ) {
    let unit = 64;
    while (unit > 8 && (at % unit !== 0 || at + unit > to)) unit /= 2;
    const end = Math.min(to, Math.floor(at / unit) * unit + unit);
    parts.push(`${UNITS[unit]} : ${end - at}`);
    at = end;
    if (parts.length > MAX_PADDING) break;
  }
  return parts;
}

const UNITS: Readonly<Record<number, string>> = {
  8: 'unsigned char',
  16: 'unsigned short',
  32: 'unsigned int',
  64: 'unsigned long',
};
/** The size that damaged BTF claims must not fill the memory. */
const MAX_PADDING = 1 << 16;

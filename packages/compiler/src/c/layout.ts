import type { Span } from '@skep/base';
import type { CType, Field, RecordLayout } from './ctype.ts';
import { alignOf, asArray, sizeOf } from './types.ts';

/** A member as declared, before it has its place. */
export interface MemberSpec {
  readonly name: string | undefined;
  readonly type: CType;
  readonly bitWidth: number | undefined;
  /** `packed` on the member itself. */
  readonly packed: boolean;
  /** `aligned` on the member itself, bytes. */
  readonly align: number | undefined;
  readonly declTags: readonly string[];
  readonly span: Span | undefined;
}

export interface RecordRules {
  readonly union: boolean;
  readonly packed: boolean;
  /** `aligned` on the record, bytes. */
  readonly align: number | undefined;
  /** `#pragma pack(n)` in force, bytes. */
  readonly pack: number | undefined;
}

/**
 * Places members as the System V ABI (and with it clang's eBPF target) does: a bit-field may not cross a boundary of
 * its declared type unless packed; `:0` closes the unit; unnamed bit-fields do not align the record.
 * Member types must be complete, except that a last `[]` counts nothing.
 */
export function layOut(members: readonly MemberSpec[], rules: RecordRules): RecordLayout {
  const fields: Field[] = [];
  let align = 1;
  /** Bits used so far (of a union: of its largest member). */
  let end = 0;
  for (const member of members) {
    const start = rules.union ? 0 : end;
    const unit = (sizeOf(member.type) ?? 0) * 8;
    const packed = rules.packed || member.packed;
    // Under `#pragma pack` a bit-field aligns the record although it is packed: clang does so.
    const loose = packed && member.bitWidth !== 0 && (member.bitWidth === undefined || rules.pack === undefined);
    let memberAlign = loose ? 1 : alignOf(member.type);
    if (member.align !== undefined) memberAlign = Math.max(memberAlign, member.align);
    // In force over `aligned` too, except for `:0`.
    if (rules.pack !== undefined && member.bitWidth !== 0) memberAlign = Math.min(memberAlign, rules.pack);

    let offset = start;
    let bits = unit;
    if (member.bitWidth === undefined) {
      offset = roundUp(start, memberAlign * 8);
      if (asArray(member.type)?.count === undefined && unit === 0) bits = 0;
    } else {
      bits = member.bitWidth;
      const bitAlign = packed && member.align === undefined && bits !== 0 ? 1 : memberAlign * 8;
      const crosses = rules.pack === undefined && (start % bitAlign) + bits > unit;
      if (bits === 0 || crosses) offset = roundUp(start, bitAlign);
      else if (member.align !== undefined && (rules.pack === undefined || member.align <= rules.pack))
        offset = roundUp(start, member.align * 8);
      if (member.name === undefined) memberAlign = 1;
    }
    align = Math.max(align, memberAlign);
    if (!(member.name === undefined && member.bitWidth === 0)) {
      fields.push({
        name: member.name,
        type: member.type,
        bitOffset: offset,
        bitWidth: member.bitWidth,
        declTags: member.declTags,
        span: member.span,
      });
    }
    end = rules.union ? Math.max(end, bits) : offset + bits;
  }
  if (rules.align !== undefined) align = Math.max(align, rules.align);
  return { fields, size: roundUp(Math.ceil(end / 8), align), align };
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

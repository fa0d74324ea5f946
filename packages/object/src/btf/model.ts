/** A BTF type (Linux `Documentation/bpf/btf.rst`) as data. Ids are indices of the type section; 0 is `void`. */
export type BtfType =
  | BtfInt
  | BtfPointerLike
  | BtfTypedef
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfForward
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag
  | BtfTypeTag;

/** The number of a type; 0 is void. */
export type BtfId = number;
export type BtfKind = BtfType['kind'];

export interface BtfInt {
  readonly kind: 'int';
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly bits: number;
  readonly offset: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
}
export interface BtfPointerLike {
  readonly kind: 'ptr' | 'const' | 'volatile' | 'restrict';
  readonly type: BtfId;
}
export interface BtfTypedef {
  readonly kind: 'typedef';
  readonly name: string;
  readonly type: BtfId;
}
export interface BtfArray {
  readonly kind: 'array';
  readonly type: BtfId;
  readonly index: BtfId;
  readonly count: number;
}
export interface BtfMember {
  readonly name: string;
  readonly type: BtfId;
  readonly bitOffset: number;
  /** 0 when the member is not a bit-field. */
  readonly bitSize: number;
}
export interface BtfComposite {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}
/** Both `BTF_KIND_ENUM` (size up to 4 or wide false) and `BTF_KIND_ENUM64`. */
export interface BtfEnum {
  readonly kind: 'enum' | 'enum64';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}
export interface BtfForward {
  readonly kind: 'fwd';
  readonly name: string;
  readonly union: boolean;
}
export type BtfLinkage = 'static' | 'global' | 'extern';
export interface BtfFunc {
  readonly kind: 'func';
  readonly name: string;
  readonly type: BtfId;
  readonly linkage: BtfLinkage;
}
export interface BtfFuncProto {
  readonly kind: 'func_proto';
  readonly result: BtfId;
  /** A variadic prototype ends with a parameter of name '' and type 0. */
  readonly params: readonly { readonly name: string; readonly type: BtfId }[];
}
export interface BtfVar {
  readonly kind: 'var';
  readonly name: string;
  readonly type: BtfId;
  readonly linkage: BtfLinkage;
}
export interface BtfDatasec {
  readonly kind: 'datasec';
  readonly name: string;
  readonly size: number;
  readonly vars: readonly { readonly type: BtfId; readonly offset: number; readonly size: number }[];
}
export interface BtfFloat {
  readonly kind: 'float';
  readonly name: string;
  readonly size: number;
}
export interface BtfDeclTag {
  readonly kind: 'decl_tag';
  readonly name: string;
  readonly type: BtfId;
  /** Which member or parameter; -1 for the whole. */
  readonly component: number;
  /** `kind_flag`, Linux 6.15: the name is the text of a GNU attribute, `preserve_access_index`. */
  readonly attribute?: boolean;
}
export interface BtfTypeTag {
  readonly kind: 'type_tag';
  readonly name: string;
  readonly type: BtfId;
  /** `kind_flag`, Linux 6.15: the name is the text of a GNU attribute, `address_space(1)`. */
  readonly attribute?: boolean;
}

/** `.BTF.ext` func_info: a function starts at the slot. */
export interface FuncInfo {
  readonly slot: number;
  readonly type: BtfId;
}
/** `.BTF.ext` line_info, with the strings resolved. */
export interface LineInfo {
  readonly slot: number;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}
/** `enum bpf_core_relo_kind`, in the kernel's order, by its number. */
export const CORE_KINDS = [
  'field_byte_offset',
  'field_byte_size',
  'field_exists',
  'field_signed',
  'field_lshift_u64',
  'field_rshift_u64',
  'type_id_local',
  'type_id_target',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
] as const;
export type CoreKind = (typeof CORE_KINDS)[number];
/** `.BTF.ext` core_relo: `access` is `0:1:2`, an enumerator's index, or `0` for whole types. */
export interface CoreRelocation {
  readonly slot: number;
  readonly type: BtfId;
  readonly access: string;
  readonly kind: CoreKind;
}
/** What `.BTF.ext` says of one section of code; slots count from the start of the section. */
export interface BtfExtSection {
  readonly funcs: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
  readonly core: readonly CoreRelocation[];
}
/** The parts of `.BTF.ext`, by section name. */
export interface BtfExt {
  readonly sections: ReadonlyMap<string, BtfExtSection>;
}

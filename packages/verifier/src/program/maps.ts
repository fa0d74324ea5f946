import type { BtfId } from '@skep/object';

/** A map as programs see it. */
export interface MapInfo {
  readonly name: string;
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_…` */
  readonly flags: number;
  /** Ids in the BTF of the object; 0 for none. */
  readonly keyType: BtfId;
  readonly valueType: BtfId;
  readonly inner: MapInfo | undefined;
  /** What programs may take for constant: the contents of a frozen read-only array. */
  readonly contents: Uint8Array | undefined;
  /** Which bytes of the contents are known, `[from, to)`; all when absent. */
  readonly known?: readonly (readonly [number, number])[];
}

import type { MapSpec } from '@skep/object';

/** A map as programs see it; ids of types are those of the object's BTF, 0 for none. */
export interface MapInfo
  extends Pick<MapSpec, 'name' | 'type' | 'keySize' | 'valueSize' | 'maxEntries' | 'flags' | 'keyType' | 'valueType'> {
  readonly inner: MapInfo | undefined;
  /** What programs may take for constant: the contents of a frozen read-only array. */
  readonly contents: Uint8Array | undefined;
  /** Which bytes of the contents are known, `[from, to)`; all when absent. */
  readonly known?: readonly (readonly [number, number])[];
}

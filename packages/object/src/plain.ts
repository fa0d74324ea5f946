import type { MapSpec, ProgramSpec } from './spec.ts';

/** What a map is of which nothing more is said than its name, its type and its sizes. */
export const PLAIN_MAP: Omit<MapSpec, 'name' | 'type'> = {
  keySize: 0,
  valueSize: 0,
  maxEntries: 0,
  flags: 0,
  keyType: 0,
  valueType: 0,
  pinByName: false,
  numaNode: undefined,
  mapExtra: 0n,
  inner: undefined,
  initialSlots: new Map(),
  initialValue: undefined,
  data: undefined,
};

/** What a program is that is nothing but instructions. */
export const PLAIN_PROGRAM: Omit<ProgramSpec, 'name' | 'section' | 'code'> = {
  hook: undefined,
  autoload: true,
  references: [],
  core: [],
  funcInfo: [],
  lineInfo: [],
  functions: [],
};

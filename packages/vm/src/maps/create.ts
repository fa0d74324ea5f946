import { MAP_TYPES } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { unsupportedMap } from '../diagnostics.ts';
import type { Memory } from '../memory.ts';
import { ArrayMap } from './array.ts';
import { HashMap } from './hash.ts';
import type { VmMap } from './map.ts';
import { PerfEventMap } from './perf.ts';
import { RingMap } from './ring.ts';

/** The map that a spec describes; E4001 names the type when the machine does not have it, E4003 what is wrong with it. */
export function createMap(memory: Memory, spec: MapSpec, cpus: number): VmMap {
  const type = MAP_TYPES.find((one) => one.value === spec.type)?.name ?? `map of type ${spec.type}`;
  switch (type) {
    case 'BPF_MAP_TYPE_ARRAY':
      return new ArrayMap(memory, spec, undefined);
    case 'BPF_MAP_TYPE_PERCPU_ARRAY':
      return new ArrayMap(memory, spec, cpus);
    case 'BPF_MAP_TYPE_HASH':
      return new HashMap(memory, spec, undefined);
    case 'BPF_MAP_TYPE_PERCPU_HASH':
      return new HashMap(memory, spec, cpus);
    case 'BPF_MAP_TYPE_RINGBUF':
      return new RingMap(memory, spec);
    case 'BPF_MAP_TYPE_PERF_EVENT_ARRAY':
      return new PerfEventMap(memory, spec);
    default:
      throw unsupportedMap(spec.name, type);
  }
}

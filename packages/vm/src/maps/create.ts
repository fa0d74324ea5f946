import { MAP_TYPES } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { unsupportedMap } from '../diagnostics.ts';
import type { Memory } from '../memory.ts';
import type { Objects } from '../objects.ts';
import { ArenaMap } from './arena.ts';
import { ArrayMap } from './array.ts';
import { BloomMap } from './bloom.ts';
import { DeviceHashMap, TargetArrayMap } from './devices.ts';
import { HashMap } from './hash.ts';
import { LpmTrieMap } from './lpm.ts';
import { LruHashMap } from './lru.ts';
import type { SpecialField, VmMap } from './map.ts';
import { PerfEventMap } from './perf.ts';
import { QueueMap } from './queue.ts';
import { ArrayOfMaps, CgroupArrayMap, HashOfMaps, ProgramArrayMap } from './references.ts';
import { RingMap } from './ring.ts';
import { SocketArrayMap, SocketHashMap } from './sockets.ts';
import { StackTraceMap } from './stack-trace.ts';
import { CgroupStorageMap, LocalStorageMap } from './storage.ts';
import { StructOpsMap } from './struct-ops.ts';
import { UserRingMap } from './user-ring.ts';

/** What maps need of their machine. */
export interface MapHome {
  readonly memory: Memory;
  readonly cpus: number;
  readonly objects: Objects;
}

/** The map that a spec describes; E4001 names the type when the machine does not have it, E4003 what is wrong with it. */
export function createMap(home: MapHome, spec: MapSpec, special: readonly SpecialField[] = []): VmMap {
  const { memory, cpus, objects } = home;
  const type = MAP_TYPES.find((one) => one.value === spec.type)?.name ?? `map of type ${spec.type}`;
  switch (type) {
    case 'BPF_MAP_TYPE_ARRAY':
      return new ArrayMap(memory, spec, undefined, special);
    case 'BPF_MAP_TYPE_PERCPU_ARRAY':
      return new ArrayMap(memory, spec, cpus, special);
    case 'BPF_MAP_TYPE_HASH':
      return new HashMap(memory, spec, undefined, special);
    case 'BPF_MAP_TYPE_PERCPU_HASH':
      return new HashMap(memory, spec, cpus, special);
    case 'BPF_MAP_TYPE_LRU_HASH':
      return new LruHashMap(memory, spec, undefined, special);
    case 'BPF_MAP_TYPE_LRU_PERCPU_HASH':
      return new LruHashMap(memory, spec, cpus, special);
    case 'BPF_MAP_TYPE_LPM_TRIE':
      return new LpmTrieMap(memory, spec);
    case 'BPF_MAP_TYPE_QUEUE':
      return new QueueMap(memory, spec, false);
    case 'BPF_MAP_TYPE_STACK':
      return new QueueMap(memory, spec, true);
    case 'BPF_MAP_TYPE_BLOOM_FILTER':
      return new BloomMap(memory, spec);
    case 'BPF_MAP_TYPE_RINGBUF':
      return new RingMap(memory, spec);
    case 'BPF_MAP_TYPE_USER_RINGBUF':
      return new UserRingMap(memory, spec);
    case 'BPF_MAP_TYPE_PERF_EVENT_ARRAY':
      return new PerfEventMap(memory, spec);
    case 'BPF_MAP_TYPE_PROG_ARRAY':
      return new ProgramArrayMap(memory, spec, objects);
    case 'BPF_MAP_TYPE_ARRAY_OF_MAPS':
      return new ArrayOfMaps(memory, spec, objects);
    case 'BPF_MAP_TYPE_HASH_OF_MAPS':
      return new HashOfMaps(memory, spec, objects);
    case 'BPF_MAP_TYPE_CGROUP_ARRAY':
      return new CgroupArrayMap(memory, spec, objects);
    case 'BPF_MAP_TYPE_STACK_TRACE':
      return new StackTraceMap(memory, spec);
    case 'BPF_MAP_TYPE_TASK_STORAGE':
    case 'BPF_MAP_TYPE_SK_STORAGE':
    case 'BPF_MAP_TYPE_INODE_STORAGE':
    case 'BPF_MAP_TYPE_CGRP_STORAGE':
      return new LocalStorageMap(memory, spec);
    case 'BPF_MAP_TYPE_CGROUP_STORAGE':
      return new CgroupStorageMap(memory, spec, undefined);
    case 'BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE':
      return new CgroupStorageMap(memory, spec, cpus);
    case 'BPF_MAP_TYPE_DEVMAP':
      return new TargetArrayMap(memory, spec, objects);
    case 'BPF_MAP_TYPE_DEVMAP_HASH':
      return new DeviceHashMap(memory, spec, objects);
    case 'BPF_MAP_TYPE_CPUMAP':
      return new TargetArrayMap(memory, spec, objects, cpus);
    case 'BPF_MAP_TYPE_SOCKMAP':
      return new SocketArrayMap(memory, spec, objects, 'sockmap');
    case 'BPF_MAP_TYPE_REUSEPORT_SOCKARRAY':
      return new SocketArrayMap(memory, spec, objects, 'reuseport');
    case 'BPF_MAP_TYPE_XSKMAP':
      return new SocketArrayMap(memory, spec, objects, 'xskmap');
    case 'BPF_MAP_TYPE_SOCKHASH':
      return new SocketHashMap(memory, spec, objects);
    case 'BPF_MAP_TYPE_ARENA':
      return new ArenaMap(memory, spec);
    case 'BPF_MAP_TYPE_STRUCT_OPS':
      return new StructOpsMap(memory, spec);
    default:
      throw unsupportedMap(spec.name, type);
  }
}

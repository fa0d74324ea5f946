import { EINVAL, ENOENT } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import { CgroupStorageMap, LocalStorageMap, objectKey } from '../maps/storage.ts';
import { argument64, give, giveUnsigned, type Helper } from './helper.ts';
import { mapOf } from './maps.ts';

/** Values that belong to tasks, sockets, inodes and cgroups. */
export const storageHelpers: Record<string, Helper> = {
  // (map, flags)
  bpf_get_local_storage: (machine, r) => {
    const map = mapOf(machine, r, 1);
    if (!(map instanceof CgroupStorageMap)) throw new Fault('map', `${map.spec.name} is no cgroup storage`);
    giveUnsigned(r, map.of(machine.world.cgroupId(), machine.world.cpu));
  },
  // (map, object, value, flags), (map, object); of sockets, inodes, tasks and cgroups
  bpf_sk_storage_get: get,
  bpf_sk_storage_delete: drop,
  bpf_inode_storage_get: get,
  bpf_inode_storage_delete: drop,
  bpf_task_storage_get: get,
  bpf_task_storage_delete: drop,
  bpf_cgrp_storage_get: get,
  bpf_cgrp_storage_delete: drop,
};

function get(machine: Machine, r: Int32Array): void {
  const map = storageOf(machine, r);
  // BPF_LOCAL_STORAGE_GET_F_CREATE is the only flag.
  if ((r[8]! & ~1) !== 0 || r[9] !== 0 || (r[4] === 0 && r[5] === 0)) {
    giveUnsigned(r, 0);
    return;
  }
  const initial = (r[6]! | r[7]!) === 0 ? 0 : machine.memory.check(r[6]!, r[7]!, map.spec.valueSize, 'a first value');
  giveUnsigned(r, map.get(nameOf(machine, r), (r[8]! & 1) !== 0, initial));
}

function drop(machine: Machine, r: Int32Array): void {
  const map = storageOf(machine, r);
  give(r, r[4] === 0 && r[5] === 0 ? EINVAL : map.drop(nameOf(machine, r)) === 0 ? 0 : ENOENT);
}

/** User space names the current task by its id and a socket by its number. */
function nameOf(machine: Machine, r: Int32Array): string {
  const pointer = argument64(r, 2);
  if (pointer === BigInt.asUintN(64, machine.world.task(158)))
    return objectKey(Number(machine.world.pidTgid() & 0xffffffffn), 0);
  const number = r[5] === 0 ? machine.objects.numberOf(r[4]! >>> 0) : 0;
  return number === 0 ? objectKey(r[4]!, r[5]!) : objectKey(number, 0);
}

function storageOf(machine: Machine, r: Int32Array): LocalStorageMap {
  const map = mapOf(machine, r, 1);
  if (!(map instanceof LocalStorageMap)) throw new Fault('map', `${map.spec.name} is no local storage`);
  return map;
}

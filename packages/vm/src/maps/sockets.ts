import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { E2BIG, EBADF, EEXIST, EINVAL, ENOENT, ENOSPC, ENOTSOCK, EOPNOTSUPP } from '../errno.ts';
import type { Socket } from '../hooks/socket.ts';
import type { Memory } from '../memory.ts';
import type { Objects } from '../objects.ts';
import { HashMap } from './hash.ts';
import { BPF_EXIST, BPF_NOEXIST, checkMapFlags, demand, indexKey, PlainMap } from './map.ts';

/** `BPF_MAP_TYPE_SOCKMAP`, `_REUSEPORT_SOCKARRAY` and `_XSKMAP`, which differ in their error numbers. */
export type SocketArrayKind = 'sockmap' | 'reuseport' | 'xskmap';

/** Sockets by key; shared by arrays and the hash. User space writes a socket's number and reads its cookie. */
export abstract class SocketMap extends PlainMap {
  protected readonly objects: Objects;

  constructor(memory: Memory, spec: MapSpec, objects: Objects) {
    checkMapFlags(spec, BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_NUMA_NODE);
    demand(
      spec,
      [spec.maxEntries > 0, 'max_entries is 0'],
      [spec.valueSize === 4 || spec.valueSize === 8, `its values have 4 or 8 bytes, not ${spec.valueSize}`],
    );
    super(memory, spec);
    this.objects = objects;
  }

  abstract socketAt(key: number): Socket | undefined;
  /** Puts a socket in, as programs do with `bpf_sock_map_update`. */
  abstract put(key: number, socket: Socket, flags: number): number;

  override lookup(key: number): number {
    return this.socketAt(key)?.address ?? 0;
  }

  override userLookup(key: number, target: Uint8Array): number {
    if (this.spec.valueSize !== 8) return ENOSPC;
    const socket = this.socketAt(key);
    if (socket === undefined) return ENOENT;
    new DataView(target.buffer, target.byteOffset).setBigUint64(0, socket.cookie, true);
    return 0;
  }

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    const view = new DataView(value.buffer, value.byteOffset);
    if (this.spec.valueSize === 8 && view.getBigUint64(0, true) > 0x7fffffffn) return EINVAL;
    const object = this.objects.get(view.getUint32(0, true));
    if (object === undefined) return EBADF;
    if (object.kind !== 'socket') return ENOTSOCK;
    return this.put(key, object.socket, flags);
  }

  /** `bpf_map_update_elem` of a program, whose "value" is a pointer to a socket. */
  override update(key: number, value: number, flags: number): number {
    const object = this.objects.get(this.objects.numberOf(value));
    return object?.kind === 'socket' ? this.put(key, object.socket, flags) : EINVAL;
  }
}

export class SocketArrayMap extends SocketMap {
  private readonly kind: SocketArrayKind;
  private readonly sockets: (Socket | undefined)[] = [];

  constructor(memory: Memory, spec: MapSpec, objects: Objects, kind: SocketArrayKind) {
    demand(
      spec,
      [spec.keySize === 4, `its keys have 4 bytes, not ${spec.keySize}`],
      [kind !== 'xskmap' || spec.valueSize === 4, `its values have 4 bytes, not ${spec.valueSize}`],
    );
    super(memory, spec, objects);
    this.kind = kind;
  }

  socketAt(key: number): Socket | undefined {
    return this.sockets[this.memory.view.getUint32(key, true)];
  }

  override userLookup(key: number, target: Uint8Array): number {
    return this.kind === 'xskmap' ? EOPNOTSUPP : super.userLookup(key, target);
  }

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    // These look at the key before the socket, sock maps the other way round.
    if (this.kind !== 'sockmap') {
      if (flags > BPF_EXIST) return EINVAL;
      if (this.memory.view.getUint32(key, true) >= this.spec.maxEntries) return E2BIG;
    }
    return super.userUpdate(key, value, flags);
  }

  put(key: number, socket: Socket, flags: number): number {
    const index = this.memory.view.getUint32(key, true);
    if (flags > BPF_EXIST) return EINVAL;
    if (index >= this.spec.maxEntries) return E2BIG;
    if (this.sockets[index] !== undefined) {
      if (flags === BPF_NOEXIST) return EEXIST;
    } else if (flags === BPF_EXIST) return ENOENT;
    this.sockets[index] = socket;
    return 0;
  }

  override delete(key: number): number {
    const index = this.memory.view.getUint32(key, true);
    if (index >= this.spec.maxEntries) return this.kind === 'reuseport' ? E2BIG : EINVAL;
    const there = this.sockets[index] !== undefined;
    this.sockets[index] = undefined;
    if (there || this.kind === 'xskmap') return 0;
    return this.kind === 'reuseport' ? ENOENT : EINVAL;
  }

  override keys(): Uint8Array[] {
    return Array.from({ length: this.spec.maxEntries }, (_, i) => indexKey(i));
  }
}

/** `BPF_MAP_TYPE_SOCKHASH` (net/core/sock_map.c). */
export class SocketHashMap extends SocketMap {
  /** From key to the socket's address. */
  private readonly table: HashMap;
  private readonly cell: number;

  constructor(memory: Memory, spec: MapSpec, objects: Objects) {
    // MAX_BPF_STACK, which hash tables no longer ask for.
    demand(spec, [spec.keySize <= 512, `its keys have ${spec.keySize} bytes, more than 512`]);
    super(memory, spec, objects);
    this.table = new HashMap(memory, { ...spec, valueSize: 8, flags: 0 }, undefined);
    this.cell = memory.allocate(8);
  }

  socketAt(key: number): Socket | undefined {
    const at = this.table.lookup(key, 0);
    if (at === 0) return undefined;
    const object = this.objects.get(this.objects.numberOf(this.memory.view.getUint32(at, true)));
    return object?.kind === 'socket' ? object.socket : undefined;
  }

  put(key: number, socket: Socket, flags: number): number {
    this.memory.view.setUint32(this.cell, socket.address, true);
    return this.table.update(key, this.cell, flags, 0);
  }

  override delete(key: number): number {
    return this.table.delete(key);
  }

  override keys(): Uint8Array[] {
    return this.table.keys();
  }
}

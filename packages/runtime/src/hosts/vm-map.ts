import { errnos } from '@skep/abi';
import { SkepError } from '@skep/base';
import type { MapSpec } from '@skep/object';
import { type Machine, PerfEventMap, RingMap, UserMap, type VmMap } from '@skep/vm';
import { mapOperationFailed, notInThisHome } from '../diagnostics.ts';
import type { BatchOptions, HostMap, HostRecords, RecordView, UpdateMode } from '../host.ts';
import type { VmHost } from './vm.ts';

/** A map as bpf(2) gives it, with the kernel's error numbers as diagnostics. */
export class VmHostMap implements HostMap {
  readonly handle: number;
  private readonly map: VmMap;
  private readonly user: UserMap;
  private readonly playOn: VmHost['playOn'];

  constructor(machine: Machine, map: VmMap, playOn: VmHost['playOn']) {
    this.map = map;
    this.playOn = playOn;
    this.user = new UserMap(machine, map);
    this.handle = machine.objects.numberOf(map);
  }

  get spec(): MapSpec {
    return this.map.spec;
  }
  get valueBytes(): number {
    return this.map.userValueSize;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    return this.found(this.user.lookup(key, value), 'lookup') ? value : undefined;
  }

  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode): boolean {
    const result = this.user.update(key, value, { any: 0, ifAbsent: 1, ifPresent: 2 }[mode]);
    if (result === 0) return true;
    if ((mode === 'ifAbsent' && result === -EEXIST) || (mode === 'ifPresent' && result === -ENOENT)) return false;
    throw new SkepError(mapOperationFailed(this.spec.name, 'update', result));
  }

  delete(key: Uint8Array): boolean {
    return this.found(this.user.delete(key), 'delete');
  }

  nextKey(key?: Uint8Array): Uint8Array | undefined {
    const next = new Uint8Array(this.spec.keySize);
    return this.found(this.user.nextKey(key, next), 'walk') ? next : undefined;
  }

  updateMany(keys: Uint8Array, values: Uint8Array): void {
    const { error } = this.user.updateMany(keys, values);
    if (error === -ENOTSUPP) {
      const { keySize } = this.spec;
      const size = this.valueBytes;
      for (let i = 0; i < keys.length / keySize; i++) {
        const key = keys.subarray(i * keySize, (i + 1) * keySize);
        this.update(key, values.subarray(i * size, (i + 1) * size), 'any');
      }
    } else if (error !== 0) throw new SkepError(mapOperationFailed(this.spec.name, 'update', error));
  }

  push(value: Uint8Array): void {
    this.update(new Uint8Array(0), value, 'any');
  }

  pop(): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    return this.found(this.user.take(new Uint8Array(0), value), 'pop') ? value : undefined;
  }

  *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const key of this.user.keys()) {
      const value = this.lookup(key);
      if (value !== undefined) yield [key, value];
    }
  }

  freeze(): void {
    this.found(this.user.freeze(), 'freeze');
  }

  private found(result: number, operation: string): boolean {
    if (result === 0) return true;
    if (result === -ENOENT) return false;
    throw new SkepError(mapOperationFailed(this.spec.name, operation, result));
  }

  openRecords(): HostRecords {
    const { map } = this;
    if (!(map instanceof RingMap) && !(map instanceof PerfEventMap))
      throw new SkepError(notInThisHome(`reading records of ${this.spec.name}`, 'virtual machine'));
    return new VmRecords(map, this.playOn);
  }
}

class VmRecords implements HostRecords {
  readonly lost = 0;
  private readonly map: RingMap | PerfEventMap;
  private readonly playOn: VmHost['playOn'];
  private wake: (() => void) | undefined;
  private closed = false;

  constructor(map: RingMap | PerfEventMap, playOn: VmHost['playOn']) {
    this.map = map;
    this.playOn = playOn;
    map.onSubmit = () => this.wake?.();
  }

  drain(take: (view: RecordView, offset: number, length: number) => void, max: number): number {
    return this.map.drain(take, max);
  }

  async *batches<T>(options: BatchOptions<T>): AsyncGenerator<T[], void, undefined> {
    const { decode, signal, max = 1024 } = options;
    const stop = () => this.wake?.();
    signal?.addEventListener('abort', stop);
    // As a descriptor of the kernel would: AbortSignal.timeout alone does not keep a process waiting.
    const alive = signal && setInterval(() => {}, 1 << 30);
    try {
      while (!this.closed && !signal?.aborted) {
        const batch: T[] = [];
        this.map.drain((view, offset, length) => batch.push(decode(view, offset, length)), max);
        if (batch.length > 0) {
          yield batch;
          continue;
        }
        const played = this.playOn();
        if (played === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
        else if (!(await played)) return;
      }
    } finally {
      clearInterval(alive);
      signal?.removeEventListener('abort', stop);
    }
  }

  close(): void {
    this.closed = true;
    this.map.onSubmit = undefined;
    this.wake?.();
  }
}

const { EEXIST, ENOENT, ENOTSUPP } = errnos('EEXIST', 'ENOENT', 'ENOTSUPP');

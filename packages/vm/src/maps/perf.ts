import type { MapSpec } from '@skep/object';
import type { Memory } from '../memory.ts';
import { ENOTSUPP, mapAddress, type VmMap } from './map.ts';

/** `BPF_MAP_TYPE_PERF_EVENT_ARRAY`: what programs send is queued until it is read; nothing is lost here. */
export class PerfEventMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize = 4;
  private queue: Uint8Array[] = [];
  onSubmit: (() => void) | undefined;

  constructor(memory: Memory, spec: MapSpec) {
    this.spec = spec;
    this.address = mapAddress(memory);
  }

  output(bytes: Uint8Array): number {
    this.queue.push(bytes.slice());
    this.onSubmit?.();
    return 0;
  }

  drain(take: (view: DataView, offset: number, length: number) => void, max: number): number {
    const now = this.queue.slice(0, max);
    this.queue = this.queue.slice(now.length);
    for (const bytes of now) take(new DataView(bytes.buffer), 0, bytes.length);
    return now.length;
  }

  lookup(): number {
    return 0;
  }
  update(): number {
    return ENOTSUPP;
  }
  delete(): number {
    return ENOTSUPP;
  }
  userLookup(): number {
    return ENOTSUPP;
  }
  userUpdate(): number {
    return ENOTSUPP;
  }
  keys(): Uint8Array[] {
    return [];
  }
}

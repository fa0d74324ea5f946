// Unit tests of tracepoint programs: calls of a simulated process in, records of the ring buffer out.
import { fileURLToPath } from 'node:url';
import { bundledTypes, type Loaded, openFile, SimulatedWorld, type Value, vm } from 'skep';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const { spec } = openFile(fileURLToPath(new URL('../opens.bpf.c', import.meta.url)));

// From /sys/kernel/tracing/events/syscalls/sys_{enter,exit}_openat/format.
const ENTER = `
	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:int dfd;	offset:16;	size:8;	signed:0;
	field:const char * filename;	offset:24;	size:8;	signed:0;
	field:int flags;	offset:32;	size:8;	signed:0;
	field:umode_t mode;	offset:40;	size:8;	signed:0;
`;
const EXIT = `
	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:long ret;	offset:16;	size:8;	signed:1;
`;

const O_CLOEXEC = 0o2000000;
const ENOENT = 2;

describe('opens', () => {
  let loaded: Loaded;
  let world: SimulatedWorld;
  beforeEach(() => start({}));
  afterEach(() => loaded.close());

  function start(globals: { target_tgid?: number }): void {
    const host = vm({ btf: bundledTypes });
    world = new SimulatedWorld();
    Object.assign(world, { tgid: 42, pid: 43, name: 'cat', now: 1_000_000n });
    host.machine.world = world;
    loaded = spec.with(globals).load(host);
  }

  const enter = (path: string, flags = O_CLOEXEC) => {
    const filename = 0x7fff_0000_0000n;
    world.memory.push({ address: filename, space: 'user', bytes: new TextEncoder().encode(`${path}\0`) });
    loaded.programs.get('open_enter')!.run({ context: { format: ENTER, fields: { filename, flags } } });
  };
  const exit = (ret: number) => loaded.programs.get('open_exit')!.run({ context: { format: EXIT, fields: { ret } } });
  const records = () => {
    const found: Value[] = [];
    loaded.records.get('events')!.drain((one) => found.push(one));
    return found;
  };

  it('sends what was opened, when it was opened', () => {
    enter('/etc/hosts');
    expect(records()).toEqual([]);
    world.now = 2_000_000n;
    exit(3);
    expect(records()).toEqual([
      { time: 2_000_000n, pid: 42, comm: 'cat', fd: 3, err: 0, flags: O_CLOEXEC, path: '/etc/hosts' },
    ]);
  });

  it('sends the error of what was not opened', () => {
    enter('/nowhere');
    exit(-ENOENT);
    expect(records()).toMatchObject([{ fd: -1, err: ENOENT, path: '/nowhere' }]);
  });

  it('remembers nothing of a call that ended, and says nothing of one that it did not see begin', () => {
    enter('/etc/hosts');
    expect(loaded.maps.get('pending')!.entries()).toHaveLength(1);
    exit(3);
    expect(loaded.maps.get('pending')!.entries()).toEqual([]);
    exit(3);
    expect(records()).toHaveLength(1);
  });

  it('leaves the path empty when it cannot be read', () => {
    loaded.programs.get('open_enter')!.run({ context: { format: ENTER, fields: { filename: 16n } } });
    exit(3);
    expect(records()).toMatchObject([{ path: '' }]);
  });

  it('listens to one process when it is told to', () => {
    loaded.close();
    start({ target_tgid: 42 });
    enter('/mine');
    exit(3);
    expect(records()).toMatchObject([{ path: '/mine' }]);
  });

  it('counts records that found no room', () => {
    for (let i = 0; i < 5_000; i++) {
      enter('/etc/hosts');
      exit(3);
      world.memory.length = 0;
    }
    const lost = loaded.global('lost') as bigint;
    expect(lost).toBeGreaterThan(0n);
    let read = 0;
    for (let some = -1; some !== 0; read += some) some = loaded.records.get('events')!.drain(() => {});
    expect(BigInt(read) + lost).toBe(5_000n);
  });
});

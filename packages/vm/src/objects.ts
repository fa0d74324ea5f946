import type { Socket } from './hooks/socket.ts';
import type { VmMap } from './maps/map.ts';
import type { VmProgram } from './program.ts';

/** What user space names by a number: in the kernel a file descriptor when it writes, an id when it reads. */
export type MachineObject =
  | { readonly kind: 'map'; readonly map: VmMap }
  | { readonly kind: 'program'; readonly program: VmProgram }
  | { readonly kind: 'socket'; readonly socket: Socket }
  /** By its id, as `bpf_get_current_cgroup_id` gives it. */
  | { readonly kind: 'cgroup'; readonly cgroup: bigint };

/** The numbers of a machine's maps, programs, sockets and cgroups; one number is both descriptor and id here. */
export class Objects {
  private readonly list = new Map<number, MachineObject>();
  private readonly numbers = new Map<unknown, number>();
  private readonly open = new Set<Socket>();
  private next = 1;

  add(object: MachineObject): number {
    const number = this.next++;
    if (object.kind === 'socket') this.open.add(object.socket);
    this.list.set(number, object);
    this.numbers.set(subject(object), number);
    const address = addressOf(object);
    if (address !== undefined) this.numbers.set(address, number);
    return number;
  }

  get(number: number): MachineObject | undefined {
    return this.list.get(number);
  }

  sockets(): Socket[] {
    return [...this.open];
  }

  /** The number of a map, program, socket or cgroup, or of the map or socket at an address; 0 when it has none. */
  numberOf(what: unknown): number {
    return this.numbers.get(what) ?? 0;
  }

  remove(what: unknown): void {
    const number = this.numbers.get(what);
    if (number === undefined) return;
    const address = addressOf(this.list.get(number)!);
    if (address !== undefined) this.numbers.delete(address);
    this.numbers.delete(what);
    this.open.delete(what as Socket);
    this.list.delete(number);
  }
}

function subject(object: MachineObject): unknown {
  switch (object.kind) {
    case 'map':
      return object.map;
    case 'program':
      return object.program;
    case 'socket':
      return object.socket;
    case 'cgroup':
      return object.cgroup;
  }
}

function addressOf(object: MachineObject): number | undefined {
  return object.kind === 'map' ? object.map.address : object.kind === 'socket' ? object.socket.address : undefined;
}

import { readFileSync } from 'node:fs';
import { syscallName } from '@skep/abi';
import { KernelSymbols, ProcessSymbols, pidNamespace } from '@skep/kernel';
import { demangle } from '@skep/object';
import { type Container, Containers } from './containers.ts';
import { deviceName, deviceNumber } from './disks.ts';

/**
 * What numbers in events are called. Asked of the machine that events come from, while they come: processes end, and
 * with them what is known of them. A recording keeps the answers, so that its replay shows the same names anywhere.
 */
export interface Names {
  user(uid: number): string;
  syscall(number: number): string;
  /** A block device, `major << 20 | minor`. */
  disk(device: number): string;
  /** The opposite. Throws E9007. */
  diskNumber(name: string): number;
  /** `vfs_read+0x1c`, without the offset when it is not asked for; hexadecimal when it has no name. */
  kernelFunction(address: bigint, offset?: boolean): string;
  userFunction(pid: number, address: bigint, offset?: boolean): string;
  /** Reads what is to be known of a process now, as it may have ended when its functions are asked for. */
  meet(pid: number): void;
  /** The container, and on Kubernetes the pod, whose processes are in a cgroup. */
  container(cgroup: bigint): Container | undefined;
  /** The text that `look` gives, or the recorded one. */
  fact(name: string, look: () => string): string;
}

/** The names of this machine, looked up when they are first asked for. */
export class LiveNames implements Names {
  private users: ReadonlyMap<number, string> | undefined;
  private kernel: KernelSymbols | undefined;
  private readonly processes = new Map<number, ProcessSymbols>();
  private readonly containers = new Containers();

  user(uid: number): string {
    this.users ??= readUsers();
    return this.users.get(uid) ?? String(uid);
  }

  syscall(number: number): string {
    return syscallName(process.arch === 'arm64' ? 'arm64' : 'x86_64', number) ?? `[unknown: ${number}]`;
  }

  disk(device: number): string {
    return deviceName(device);
  }

  diskNumber(name: string): number {
    return deviceNumber(name);
  }

  kernelFunction(address: bigint, offset = false): string {
    this.kernel ??= new KernelSymbols();
    return named(address, this.kernel.find(address), offset);
  }

  meet(pid: number): void {
    this.process(pid).refresh();
  }

  /** In another PID namespace, programs tell numbers that mean nobody here, or somebody else. */
  private process(number: number): ProcessSymbols {
    const pid = pidNamespace() === 0 ? number : -1;
    let symbols = this.processes.get(pid);
    if (symbols === undefined) {
      symbols = new ProcessSymbols(pid);
      this.processes.set(pid, symbols);
    }
    return symbols;
  }

  userFunction(pid: number, address: bigint, offset = false): string {
    const symbols = this.process(pid);
    const found = symbols.find(address);
    if (found) return named(address, { ...found, name: demangle(found.name) ?? found.name }, offset);
    const module = symbols.moduleOf(address);
    return module === undefined ? '[unknown]' : `[${module}]`;
  }

  container(cgroup: bigint): Container | undefined {
    return this.containers.find(cgroup);
  }

  fact(_name: string, look: () => string): string {
    return look();
  }
}

function named(address: bigint, found: { name: string; offset: number } | undefined, offset: boolean): string {
  if (found === undefined) return address === 0n ? '[unknown]' : `0x${address.toString(16)}`;
  return offset ? `${found.name}+0x${found.offset.toString(16)}` : found.name;
}

function readUsers(): Map<number, string> {
  const found = new Map<number, string>();
  let text: string;
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return found;
  }
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name && uid && !found.has(Number(uid))) found.set(Number(uid), name);
  }
  return found;
}

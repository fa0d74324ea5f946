import { syscallName } from '@skep/abi';
import { EXIT, SkepError, suggest } from '@skep/base';
import type { Recording } from '@skep/capture';
import { noDisk } from '../diagnostics.ts';
import type { Container } from '../frame/containers.ts';
import type { Names } from '../frame/names.ts';

/** The names of this machine, with all answers kept for a recording. */
export class KeptNames implements Names {
  /** By question; as they were given last. */
  readonly answers: { [question: string]: unknown } = {};
  private readonly live: Names;

  constructor(live: Names) {
    this.live = live;
  }

  user(uid: number): string {
    return this.keep(ask.user(uid), this.live.user(uid));
  }
  syscall(number: number): string {
    return this.live.syscall(number);
  }
  disk(device: number): string {
    return this.keep(ask.disk(device), this.live.disk(device));
  }
  diskNumber(name: string): number {
    const found = this.live.diskNumber(name);
    this.keep(ask.disk(found), name);
    return found;
  }
  kernelFunction(address: bigint, offset = false): string {
    return this.keep(ask.kernel(address, offset), this.live.kernelFunction(address, offset));
  }
  userFunction(pid: number, address: bigint, offset = false): string {
    return this.keep(ask.process(pid, address, offset), this.live.userFunction(pid, address, offset));
  }
  meet(pid: number): void {
    this.live.meet(pid);
  }
  container(cgroup: bigint): Container | undefined {
    const found = this.live.container(cgroup);
    this.answers[ask.container(cgroup)] = found ?? null;
    return found;
  }
  fact(name: string, look: () => string): string {
    return this.keep(ask.fact(name), this.live.fact(name, look));
  }

  private keep(question: string, answer: string): string {
    this.answers[question] = answer;
    return answer;
  }
}

/** The names that a recording brings; what was not asked when it was made stays a number. */
export class RecordedAnswers implements Names {
  private readonly answers = new Map<string, unknown>();
  private readonly machine: string;

  constructor(recording: Recording) {
    this.machine = recording.header.machine;
    for (const block of recording.blocks) {
      if (block.kind === 'names')
        for (const [question, answer] of Object.entries(block.names)) this.answers.set(question, answer);
    }
  }

  user(uid: number): string {
    return this.text(ask.user(uid)) ?? String(uid);
  }
  syscall(number: number): string {
    return syscallName(this.machine === 'aarch64' ? 'arm64' : 'x86_64', number) ?? `[unknown: ${number}]`;
  }
  disk(device: number): string {
    return this.text(ask.disk(device)) ?? `${device >>> 20}:${device & 0xfffff}`;
  }
  diskNumber(name: string): number {
    const disks = [...this.answers].filter(([question]) => question.startsWith('disk '));
    const found = disks.find(([, one]) => one === name);
    if (found) return Number(found[0].slice('disk '.length));
    const known = disks.map(([, one]) => String(one));
    throw new SkepError(noDisk(name, suggest(name, known), known), EXIT.usage);
  }
  kernelFunction(address: bigint, offset = false): string {
    return this.text(ask.kernel(address, offset)) ?? `0x${address.toString(16)}`;
  }
  userFunction(pid: number, address: bigint, offset = false): string {
    return this.text(ask.process(pid, address, offset)) ?? '[unknown]';
  }
  meet(): void {
    // What was to be known of processes is in the recording.
  }
  container(cgroup: bigint): Container | undefined {
    const found = this.answers.get(ask.container(cgroup)) as Partial<Container> | null | undefined;
    return typeof found?.path === 'string' ? { path: found.path, id: found.id, pod: found.pod } : undefined;
  }
  fact(name: string): string {
    return this.text(ask.fact(name)) ?? '';
  }

  private text(question: string): string | undefined {
    const found = this.answers.get(question);
    return typeof found === 'string' ? found : undefined;
  }
}

/** How the names block of a recording spells questions (docs/recording.md). */
const ask = {
  user: (uid: number) => `user ${uid}`,
  disk: (device: number) => `disk ${device}`,
  kernel: (address: bigint, offset: boolean) => `kernel${offset ? '+' : ''} 0x${address.toString(16)}`,
  process: (pid: number, address: bigint, offset: boolean) =>
    `process${offset ? '+' : ''} ${pid} 0x${address.toString(16)}`,
  container: (cgroup: bigint) => `container ${cgroup}`,
  fact: (name: string) => `fact ${name}`,
};

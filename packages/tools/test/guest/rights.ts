import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { KernelSymbols, permitted, probeFeature } from '@skep/kernel';
import { runTool } from './command.ts';

/** What a container may have or lack. */
export interface Circumstance {
  readonly name: string;
  /** What a shell does in a mount namespace of its own before it becomes the command that follows. */
  readonly shell: string;
  /** Changes the whole machine: only in a guest. */
  readonly guest?: true;
}

const rootWith = (...capabilities: readonly string[]) =>
  `exec setpriv --bounding-set=${['-all', ...capabilities.map((one) => `+${one}`)].join()}`;
const nobodyWith = (...capabilities: readonly string[]) => {
  const list = capabilities.map((one) => `+${one}`).join();
  return `exec setpriv --reuid=65534 --clear-groups --inh-caps=${list} --ambient-caps=${list}`;
};
/** A filter that refuses bpf(2) and perf_event_open(2), as container runtimes have it for those without capabilities. */
const FILTERED = `exec /usr/bin/python3 -c '
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 1, 0, 321), (0x15, 0, 1, 298), (6, 0, 0, 0x00050001), (6, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filter))
if ctypes.CDLL(None).prctl(22, 2, program, 0, 0) != 0: sys.exit("no filter")
os.execvp(sys.argv[1], sys.argv[1:])'`;
const WITH_TRACEFS = 'mount -t tracefs none /sys/kernel/tracing;';
const WITHOUT_TRACEFS = 'umount -l /sys/kernel/tracing 2> /dev/null; umount -l /sys/kernel/debug 2> /dev/null;';

/** Debian's kernels begin with 3. */
const PARANOID = '/proc/sys/kernel/perf_event_paranoid';

export const CIRCUMSTANCES: readonly Circumstance[] = [
  { name: 'all capabilities', shell: 'exec' },
  { name: 'BPF and PERFMON', shell: `${WITH_TRACEFS} ${rootWith('bpf', 'perfmon')}` },
  { name: 'SYS_ADMIN', shell: rootWith('sys_admin') },
  { name: 'BPF', shell: `${WITH_TRACEFS} ${rootWith('bpf')}` },
  { name: 'PERFMON', shell: `${WITH_TRACEFS} ${rootWith('perfmon')}` },
  { name: 'none', shell: `${WITH_TRACEFS} ${rootWith()}` },
  { name: 'BPF and PERFMON, not as root', shell: `${WITH_TRACEFS} ${nobodyWith('bpf', 'perfmon')}` },
  {
    name: 'BPF, PERFMON and DAC_READ_SEARCH, not as root',
    shell: `${WITH_TRACEFS} ${nobodyWith('bpf', 'perfmon', 'dac_read_search')}`,
  },
  { name: 'BPF, PERFMON and SYSLOG', shell: `${WITH_TRACEFS} ${rootWith('bpf', 'perfmon', 'syslog')}` },
  { name: 'all, without tracefs', shell: `${WITHOUT_TRACEFS} exec` },
  { name: 'BPF and PERFMON, without tracefs', shell: `${WITHOUT_TRACEFS} ${rootWith('bpf', 'perfmon')}` },
  { name: 'all, without /sys/kernel/btf', shell: 'mount -t tmpfs none /sys/kernel/btf; exec' },
  {
    name: 'all, on a root that cannot be written',
    shell: 'mount -o remount,ro,bind /; export HOME=/nonexistent; exec',
  },
  { name: 'all, in a user namespace', shell: 'exec unshare --user --map-root-user' },
  { name: 'all, in a PID namespace', shell: 'exec unshare --pid --fork --mount-proc' },
  { name: 'all, in a cgroup namespace', shell: 'exec unshare --cgroup' },
  { name: 'all, behind a seccomp filter', shell: FILTERED },
  {
    name: 'BPF and PERFMON, with kernel.perf_event_paranoid=3',
    shell: `echo 3 > ${PARANOID}; ${rootWith('bpf', 'perfmon')}`,
    guest: true,
  },
  { name: 'all, with lockdown=integrity', shell: 'echo integrity > /sys/kernel/security/lockdown; exec', guest: true },
  {
    name: 'all, with lockdown=confidentiality',
    shell: 'echo confidentiality > /sys/kernel/security/lockdown; exec',
    guest: true,
  },
];

/** One for each kind of hook; each looks at the process that runs it, and at no other. */
export const HOOKS: { readonly [hook: string]: readonly [tool: string, ...args: string[]] } = {
  tracepoint: ['opensnoop'],
  'raw tracepoint': ['runqlat'],
  'perf event': ['profile'],
  uprobe: ['gethostlatency'],
  kprobe: ['capable', '--route', 'kprobe'],
};

/** What one circumstance makes of everything. */
export interface Outcome {
  readonly name: string;
  /** Of tools that could not be attached, the code. */
  readonly refused: { readonly [hook: string]: string };
  /** What `skep doctor` says of bpf(2): its reasons, when it is not permitted. */
  readonly reasons: readonly string[];
  /** Features that it says are not there. */
  readonly lacks: readonly string[];
  /** Whether functions of the kernel have names. */
  readonly symbols: boolean;
  /** Whether the command behind `--` is found. */
  readonly finds: boolean;
}

/** Attaches tools in this process, and writes a line of JSON: an {@link Outcome}. */
async function tryTools(name: string): Promise<void> {
  const refused: { [hook: string]: string } = {};
  for (const [hook, [tool, ...args]] of Object.entries(HOOKS)) {
    const stop = new AbortController();
    try {
      const attached = () => stop.abort();
      await runTool(tool, [...args, '-p', String(process.pid)], { attached, signal: stop.signal });
    } catch (error) {
      refused[hook] = /^\w\d{4}/.exec((error as Error).message)?.[0] ?? String(error);
    }
  }
  const seen = await runTool('opensnoop', ['-o', 'jsonl'], { trailing: ['cat', '/etc/hostname'] }).catch(
    () => undefined,
  );
  const found = permitted();
  const asked = ['lockdown', 'tracefs', 'btf', 'perf_event', 'kprobe', 'uprobe', 'pid_namespace'] as const;
  const outcome: Outcome = {
    ...{ name, refused },
    reasons: found.ok ? [] : found.reasons.map((one) => one.id),
    lacks: asked.filter((one) => !probeFeature(one).ok),
    symbols: new KernelSymbols().size > 0,
    finds: seen?.out.includes('/etc/hostname') === true,
  };
  console.log(JSON.stringify(outcome));
}

/** `--guest`: all, or names: these circumstances, each in a process of its own. */
async function main([mode, ...rest]: readonly string[]): Promise<void> {
  if (mode === '--inside') return tryTools(rest[0]!);
  if (process.env['VMTEST']) writeFileSync(PARANOID, '2');
  for (const { name, shell, guest } of CIRCUMSTANCES) {
    if (mode === '--guest' ? false : mode === undefined ? guest : ![mode, ...rest].includes(name)) continue;
    const line = `${shell} '${process.execPath}' '${process.argv[1]}' --inside '${name}'`;
    const { stdout, stderr } = spawnSync('unshare', ['--mount', '/bin/sh', '-c', line], { encoding: 'utf8' });
    const outcome = stdout.split('\n').find((one) => one.startsWith('{"name"'));
    console.log(outcome ?? JSON.stringify({ name, failed: stderr.slice(-500) }));
  }
}

if (process.argv[1]?.endsWith('rights.cjs')) void main(process.argv.slice(2)).then(() => process.exit());

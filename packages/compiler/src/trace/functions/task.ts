import { badCall, notFound, notHere, unsafe } from '../diagnostics.ts';
import { storeScalar, zero } from '../emit/bytes.ts';
import { literal } from '../emit/c-text.ts';
import type { Emitter } from '../emit.ts';
import { SIGNALS_BY_NAME } from '../names.ts';
import { BOOL, INT32, NONE, pointer, special, string, type TraceType, UINT32, UINT64 } from '../type.ts';
import type { Call, FunctionSpec } from './spec.ts';

/** The current task, processor and time, and what acts on them. */
export const TASK: readonly FunctionSpec[] = [
  taskNumber('pid', UINT32, 'number of the process', (task) => `(u32)(${task} >> 32)`),
  taskNumber('tid', UINT32, 'number of the thread', (task) => `(u32)${task}`),
  number('uid', UINT64, 'user', () => '(u64)(u32)bpf_get_current_uid_gid()'),
  number('gid', UINT64, 'group', () => '(u64)(bpf_get_current_uid_gid() >> 32)'),
  number('cpu', UINT32, 'processor that runs the program', () => 'bpf_get_smp_processor_id()'),
  number('numaid', UINT64, 'its node of memory', () => 'bpf_get_numa_node_id()'),
  number('cgroup', UINT64, 'id of the cgroup', () => 'bpf_get_current_cgroup_id()'),
  number('rand', UINT64, 'a random number of 32 bits', () => 'bpf_get_prandom_u32()'),
  number('jiffies', UINT64, 'ticks of the kernel', () => 'bpf_jiffies64()'),
  {
    names: ['comm', '__builtin_comm'],
    arity: [0, 1],
    signature: 'comm([pid])',
    summary: 'name of the thread, at most 15 bytes; of another process where `bpf_task_from_pid` may be called',
    check(checker, call) {
      if (call.args[0]) {
        checker.rvalue(call.args[0]);
        return string(64);
      }
      return string(16);
    },
    emit(e, call, dest) {
      if (call.args[0]) {
        e.out.helpers.add('commOf');
        zero(e, dest!, 64);
        e.emit(`  skep_comm_of((s32)(${e.value(call.args[0])}), ${dest});`);
        e.out.vmlinux = true;
        return dest;
      }
      e.emit(`  bpf_get_current_comm(${dest}, 16);`);
      return dest;
    },
  },
  {
    names: ['username'],
    arity: [0, 0],
    signature: 'username',
    summary: 'user, printed by name',
    check: () => special('username'),
    emit(e, _call, dest) {
      e.emit(`  *(u64 *)(${dest}) = (u64)(u32)bpf_get_current_uid_gid();`);
      return dest;
    },
  },
  {
    names: ['curtask'],
    arity: [0, 0],
    signature: 'curtask',
    summary: 'pointer to the current struct task_struct',
    check: (checker) => pointer(checker.options.types.type('struct task_struct') ?? NONE, 'kernel'),
    emit: (e) => e.keep(UINT64, 'bpf_get_current_task()'),
  },
  ofTask('ppid', 'number of the parent process', INT32, ['real_parent', 'pid']),
  ofTask('pcomm', 'name of the parent process', string(16), ['real_parent', 'comm']),
  ofTask('leader_tid', 'number of the process as its first thread has it', INT32, ['group_leader', 'pid']),
  ofTask('leader_comm', 'name of the first thread', string(16), ['group_leader', 'comm']),
  {
    names: ['nsecs'],
    arity: [0, 1],
    signature: 'nsecs([monotonic|boot|tai|sw_tai])',
    summary: 'nanoseconds of a clock; boot when none is named',
    check(checker, call) {
      const clock = clockOf(call);
      if (clock === undefined)
        return checker.report(
          badCall(
            `Invalid timestamp mode: ${call.args[0]?.kind === 'name' ? call.args[0].name : 'it must be a name'}`,
            call.span,
            'choose monotonic, boot, tai or sw_tai',
          ),
        );
      if (call.args[0]) call.args[0].type = special('timestamp_mode', { mode: clock });
      return UINT64;
    },
    emit(e, call) {
      const clock = clockOf(call);
      const helper = {
        monotonic: 'bpf_ktime_get_ns',
        boot: 'bpf_ktime_get_boot_ns',
        tai: 'bpf_ktime_get_tai_ns',
        sw_tai: 'bpf_ktime_get_boot_ns',
      }[clock!];
      return e.keep(UINT64, clock === 'sw_tai' ? `${helper}() + ${literal(e.out.bootOffset, UINT64)}` : `${helper}()`);
    },
  },
  {
    names: ['elapsed', '__builtin_elapsed'],
    arity: [0, 0],
    signature: 'elapsed',
    summary: 'nanoseconds since the script began',
    check: () => UINT64,
    emit(e) {
      e.out.elapsed = true;
      return e.keep(UINT64, 'bpf_ktime_get_boot_ns() - skep_started');
    },
  },
  {
    names: ['strftime'],
    arity: [2, 2],
    signature: 'strftime(fmt, nsecs)',
    summary: 'a time of day, printed by a format',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      const type = checker.rvalue(call.args[1]!);
      const format = checker.textOf(call.args[0]!);
      if (!type || format === undefined) return undefined;
      if (type.kind !== 'int')
        return checker.report(badCall(`strftime() only supports int arguments (${type.kind} provided)`, call.span));
      return special('timestamp', { format });
    },
    emit(e, call, dest) {
      const { args } = call;
      const clock = args[1]!.kind === 'call' || args[1]!.kind === 'name' ? clockOf(args[1] as Call) : undefined;
      storeScalar(e, dest!, UINT64, `(u64)(${e.value(args[1]!)})`);
      const number =
        args[1]!.kind === 'name' || args[1]!.kind === 'call'
          ? { monotonic: 1, boot: 0, tai: 3, sw_tai: 3 }[clock ?? 'boot']
          : 0;
      e.emit(`  *(u64 *)(${dest} + 8) = ${number};`);
      return dest;
    },
  },
  {
    names: ['ncpus', '__builtin_ncpus'],
    arity: [0, 0],
    signature: 'ncpus',
    summary: 'how many processors there can be',
    check: () => UINT64,
    emit: (e) => String(e.out.cpus),
  },
  {
    names: ['cpid', '__builtin_cpid'],
    arity: [0, 0],
    signature: 'cpid',
    summary: 'process of the command that -c started',
    check: () => UINT32,
    emit(e, call) {
      if (e.checker.options.childPid === 0 && call.name === 'cpid')
        e.action({ kind: 'warnf', format: 'No child command (`-c`); cpid is zero' }, call.span);
      return String(e.checker.options.childPid);
    },
  },
  {
    names: ['has_cpid'],
    arity: [0, 0],
    signature: 'has_cpid',
    summary: 'whether -c started a command',
    check: () => BOOL,
    emit: (e) => (e.checker.options.childPid === 0 ? '0' : '1'),
  },
  {
    names: ['cgroupid'],
    arity: [1, 1],
    signature: 'cgroupid("/sys/fs/cgroup/…")',
    summary: 'id of a cgroup by its directory',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      const path = checker.textOf(call.args[0]!);
      if (path === undefined) return checker.report(badCall('cgroupid() wants a literal path', call.span));
      if (checker.options.target.cgroupId?.(path) === undefined && checker.final)
        return checker.report(
          notFound(`there is no cgroup ${path}`, call.span, 'name a directory of a cgroup file system'),
        );
      return UINT64;
    },
    emit: (e, call) => `${e.checker.options.target.cgroupId!(e.checker.textOf(call.args[0]!)!)}ULL`,
  },
  {
    names: ['cgroup_path'],
    arity: [1, 2],
    signature: 'cgroup_path(id [, filter])',
    summary: 'the directory of a cgroup, when it is printed',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      if (call.args[1]) checker.rvalue(call.args[1]);
      if (!type) return undefined;
      if (type.kind !== 'int')
        return checker.report(badCall(`cgroup_path() only supports int arguments (${type.kind} provided)`, call.span));
      return special('cgroup_path', { format: (call.args[1] && checker.textOf(call.args[1])) ?? '*' });
    },
    emit(e, call, dest) {
      storeScalar(e, dest!, UINT64, `(u64)(${e.value(call.args[0]!)})`);
      return dest;
    },
  },
  sending('signal', 'bpf_send_signal'),
  sending('signal_thread', 'bpf_send_signal_thread'),
  {
    names: ['override'],
    arity: [1, 1],
    signature: 'override(int result)',
    summary: 'makes a function return at once (kprobes on functions that allow it)',
    onlyCalled: true,
    check(checker, call) {
      checker.rvalue(call.args[0]!);
      if (checker.unit.probe.kind !== 'kprobe')
        return checker.report(
          notHere('override()', checker.unit.probe.kind, call.span, 'override() can only be used inside kprobes'),
        );
      if (!checker.options.unsafe) return checker.report(unsafe('override', call.span));
      return NONE;
    },
    emit(e, call) {
      e.emit(`  bpf_override_return(${e.context()}, (u64)(${e.value(call.args[0]!)}));`);
      return undefined;
    },
  },
];

function number(name: string, type: TraceType, summary: string, c: (e: Emitter) => string): FunctionSpec {
  return {
    names: [name, `__builtin_${name}`],
    arity: [0, 0],
    signature: name,
    summary,
    check: () => type,
    emit: (e) => e.keep(type, c(e)),
  };
}

/** `c` takes process and thread out of both. */
function taskNumber(name: string, type: TraceType, summary: string, c: (task: string) => string): FunctionSpec {
  const modeOf = (call: Call) => (call.args[0]?.kind === 'name' ? call.args[0].name : '');
  return {
    names: [name, `__builtin_${name}`],
    arity: [0, 1],
    signature: `${name}([init|curr_ns])`,
    summary,
    check(checker, call) {
      if (call.args[0] && modeOf(call) !== 'init' && modeOf(call) !== 'curr_ns')
        return checker.report(
          badCall(`Invalid PID namespace mode: ${modeOf(call)}`, call.span, 'write init or curr_ns'),
        );
      return type;
    },
    emit: (e, call) => e.keep(type, c(modeOf(call) === 'init' ? 'bpf_get_current_pid_tgid()' : e.task())),
  };
}

function ofTask(name: string, summary: string, type: TraceType, path: readonly [string, string]): FunctionSpec {
  return {
    names: [name],
    arity: [0, 1],
    signature: `${name}([task])`,
    summary,
    check(checker, call) {
      if (call.args[0]) checker.rvalue(call.args[0]);
      if (checker.options.types.type('struct task_struct') === undefined)
        return checker.report(
          notFound(
            'the kernel shows no types (BTF), which this needs',
            call.span,
            'run it on a kernel with /sys/kernel/btf/vmlinux',
          ),
        );
      return type;
    },
    emit(e, call, dest) {
      e.out.vmlinux = true;
      const task = call.args[0] ? e.value(call.args[0]) : e.keep(UINT64, 'bpf_get_current_task()');
      const other = e.scratchVariable('u64', '0');
      e.emit(`  bpf_probe_read_kernel(&${other}, 8, &((struct task_struct *)${task})->${path[0]});`);
      const address = `&((struct task_struct *)${other})->${path[1]}`;
      if (dest) {
        e.emit(`  bpf_probe_read_kernel(${dest}, 16, ${address});`);
        return dest;
      }
      const value = e.keep(type, '0');
      e.emit(`  bpf_probe_read_kernel(&${value}, 4, ${address});`);
      return value;
    },
  };
}

const CLOCKS = ['monotonic', 'boot', 'tai', 'sw_tai'] as const;
function clockOf(call: { readonly kind: string; readonly args?: Call['args'] }): (typeof CLOCKS)[number] | undefined {
  const [mode] = call.args ?? [];
  if (mode === undefined) return 'boot';
  return mode.kind === 'name' ? CLOCKS.find((one) => one === mode.name) : undefined;
}

function sending(name: 'signal' | 'signal_thread', helper: string): FunctionSpec {
  return {
    names: [name],
    arity: [1, 1],
    signature: `${name}(number | "SIGKILL")`,
    summary: name === 'signal' ? 'sends a signal to the process' : 'sends a signal to the thread',
    onlyCalled: true,
    check(checker, call) {
      const type = checker.rvalue(call.args[0]!);
      const { kind } = checker.unit.probe;
      if (!SIGNALLING.has(kind)) return checker.report(notHere(`${name}()`, kind, call.span));
      if (!checker.options.unsafe) return checker.report(unsafe(name, call.span));
      const text = checker.textOf(call.args[0]!);
      if (text !== undefined && SIGNALS_BY_NAME.get(text.replace(/^SIG/, '')) === undefined)
        return checker.report(
          badCall(`${text} is not a valid signal`, call.span, 'write its number, or SIGKILL, SIGTERM …'),
        );
      const value = checker.constant(call.args[0]!);
      if (value !== undefined && (value < 1n || value > 64n))
        return checker.report(
          badCall(`${name}() accepts a string literal or an integer between 1 and 64 (inclusive)`, call.span),
        );
      if (type && text === undefined && type.kind !== 'int')
        return checker.report(badCall(`${name}() accepts a string literal or an integer`, call.span));
      return NONE;
    },
    emit(e, call) {
      const text = e.checker.textOf(call.args[0]!);
      const value = text === undefined ? e.value(call.args[0]!) : String(SIGNALS_BY_NAME.get(text.replace(/^SIG/, '')));
      const code = e.scratchVariable('s64', `${helper}((u32)(${value}))`);
      e.emit(`  if (${code}) ${e.helperError('send_signal', 'the signal was not sent', call.span, false, code)}`);
      return undefined;
    },
  };
}
const SIGNALLING: ReadonlySet<string> = new Set([
  'kprobe',
  'kretprobe',
  'uprobe',
  'uretprobe',
  'usdt',
  'tracepoint',
  'profile',
  'fentry',
  'fexit',
  'rawtracepoint',
  'watchpoint',
]);

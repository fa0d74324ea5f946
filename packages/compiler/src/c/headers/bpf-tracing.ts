/** Most arguments of BPF_PROG and its sisters. */
const MAX_ARGUMENTS = 12;

/** Members of `struct pt_regs` by role. */
interface Registers {
  /** Parameters of functions, from the first. */
  readonly params: readonly string[];
  readonly ret: string;
  readonly fp: string;
  readonly rc: string;
  readonly sp: string;
  readonly ip: string;
  /** The register of the fourth parameter of a system call. */
  readonly syscall4: string;
}

const ARM64: Registers = {
  params: ['regs[0]', 'regs[1]', 'regs[2]', 'regs[3]', 'regs[4]', 'regs[5]', 'regs[6]', 'regs[7]'],
  ret: 'regs[30]',
  fp: 'regs[29]',
  rc: 'regs[0]',
  sp: 'sp',
  ip: 'pc',
  syscall4: 'regs[3]',
};

const X86_KERNEL: Registers = {
  params: ['di', 'si', 'dx', 'cx', 'r8', 'r9'],
  ret: 'sp',
  fp: 'bp',
  rc: 'ax',
  sp: 'sp',
  ip: 'ip',
  syscall4: 'r10',
};
const X86_USER: Registers = {
  params: ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9'],
  ret: 'rsp',
  fp: 'rbp',
  rc: 'rax',
  sp: 'rsp',
  ip: 'rip',
  syscall4: 'r10',
};

/** `bpf/bpf_tracing.h`: registers by role, and programs written as functions with typed parameters. */
export function bpfTracing(): string {
  return `${HEAD}
#if defined(bpf_target_x86)
${x86()}
#elif defined(bpf_target_arm64)
${arm64()}
#endif

#if defined(bpf_target_defined)
${common()}
#else
${missing()}
#endif

${programs()}
#endif
`;
}

function x86(): string {
  return `#if defined(__KERNEL__) || defined(__VMLINUX_H__)
${registers(X86_KERNEL)}
#else
${registers(X86_USER)}
#endif
#define __PT_REGS_CAST(x) (x)
#define SYS_PREFIX "__x64_"
#define PT_REGS_PARM1_SYSCALL(x) PT_REGS_PARM1(x)
#define PT_REGS_PARM1_CORE_SYSCALL(x) PT_REGS_PARM1_CORE(x)`;
}

function arm64(): string {
  return `struct pt_regs___arm64 {
	unsigned long orig_x0;
} __attribute__((preserve_access_index));
${registers(ARM64)}
/* What user space may see of the registers: the part that never changes. */
#define __PT_REGS_CAST(x) ((const struct user_pt_regs *)(x))
#define SYS_PREFIX "__arm64_"
#define PT_REGS_PARM1_SYSCALL(x) PT_REGS_PARM1_CORE_SYSCALL(x)
#define PT_REGS_PARM1_CORE_SYSCALL(x) BPF_CORE_READ((const struct pt_regs___arm64 *)(x), orig_x0)`;
}

function registers(names: Registers): string {
  const lines = names.params.map((name, i) => `#define __PT_PARM${i + 1}_REG ${name}`);
  lines.push(
    `#define __PT_RET_REG ${names.ret}`,
    `#define __PT_FP_REG ${names.fp}`,
    `#define __PT_RC_REG ${names.rc}`,
    `#define __PT_SP_REG ${names.sp}`,
    `#define __PT_IP_REG ${names.ip}`,
    `#define __PT_PARM4_SYSCALL_REG ${names.syscall4}`,
  );
  return lines.join('\n');
}

const ROLES = ['RET', 'FP', 'RC', 'SP', 'IP'];

function common(): string {
  const lines = ['struct pt_regs;'];
  const parameters = Array.from({ length: 8 }, (_, i) => `PARM${i + 1}`);
  for (const name of [...parameters, ...ROLES]) {
    const beyond = name === 'PARM7' || name === 'PARM8';
    if (beyond) lines.push(`#ifdef __PT_${name}_REG`);
    lines.push(
      `#define PT_REGS_${name}(x) (__PT_REGS_CAST(x)->__PT_${name}_REG)`,
      `#define PT_REGS_${name}_CORE(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_${name}_REG)`,
    );
    if (beyond) {
      lines.push(
        '#else',
        `#define PT_REGS_${name}(x) 0 /* passed on the stack */`,
        `#define PT_REGS_${name}_CORE(x) 0`,
        '#endif',
      );
    }
  }
  for (const n of [2, 3, 5, 6, 7])
    lines.push(
      `#define PT_REGS_PARM${n}_SYSCALL(x) PT_REGS_PARM${n}(x)`,
      `#define PT_REGS_PARM${n}_CORE_SYSCALL(x) PT_REGS_PARM${n}_CORE(x)`,
    );
  lines.push(
    '#define PT_REGS_PARM4_SYSCALL(x) (__PT_REGS_CAST(x)->__PT_PARM4_SYSCALL_REG)',
    '#define PT_REGS_PARM4_CORE_SYSCALL(x) BPF_CORE_READ(__PT_REGS_CAST(x), __PT_PARM4_SYSCALL_REG)',
    '#if defined(bpf_target_arm64)',
    '#define BPF_KPROBE_READ_RET_IP(ip, ctx) ({ (ip) = PT_REGS_RET(ctx); })',
    '#define BPF_KRETPROBE_READ_RET_IP BPF_KPROBE_READ_RET_IP',
    '#else',
    '#define BPF_KPROBE_READ_RET_IP(ip, ctx) \\\n\t({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)PT_REGS_RET(ctx)); })',
    '#define BPF_KRETPROBE_READ_RET_IP(ip, ctx) \\\n\t({ bpf_probe_read_kernel(&(ip), sizeof(ip), (void *)(PT_REGS_FP(ctx) + sizeof(ip))); })',
    '#endif',
    '/* Where a wrapper of system calls has the registers of its caller. */',
    '#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))',
  );
  return lines.join('\n');
}

/** Without a target every use says what is missing, at its place. */
function missing(): string {
  const complaint =
    '({ _Pragma("GCC error \\"define -D__TARGET_ARCH_x86 or -D__TARGET_ARCH_arm64 to use PT_REGS macros\\"") 0ull; })';
  const lines = ['struct pt_regs;'];
  for (const name of [...Array.from({ length: 8 }, (_, i) => `PARM${i + 1}`), ...ROLES]) {
    lines.push(`#define PT_REGS_${name}(x) ${complaint}`, `#define PT_REGS_${name}_CORE(x) ${complaint}`);
    if (name.startsWith('PARM'))
      lines.push(
        `#define PT_REGS_${name}_SYSCALL(x) ${complaint}`,
        `#define PT_REGS_${name}_CORE_SYSCALL(x) ${complaint}`,
      );
  }
  lines.push(`#define PT_REGS_SYSCALL_REGS(ctx) ${complaint}`);
  return lines.join('\n');
}

/** Counted lists of casts: `___bpf_ctx_cast(a, b)` is `ctx, (void *)ctx[0], (void *)ctx[1]`. */
function casts(name: string, most: number, value: (i: number) => string): string {
  const lines = [`#define ${name}0() ctx`];
  for (let n = 1; n <= most; n++) {
    const before = n === 1 ? `${name}0()` : `${name}${n - 1}(args)`;
    lines.push(`#define ${name}${n}(x${n === 1 ? '' : ', args...'}) ${before}, ${value(n)}`);
  }
  lines.push(`#define ${name}(args...) ___bpf_apply(${name}, ___bpf_narg(args))(args)`);
  return lines.join('\n');
}

/**
 * The program is a small function with the context as its only parameter, which calls the inlined body with the values
 * taken out of it.
 */
function wrapper(macro: string, context: string, call: string, before = ''): string {
  return `#define ${macro}(name, args...) \\
	name(${context}); \\
	static __always_inline typeof(name(0)) ____##name(${context}, ##args); \\
	typeof(name(0)) name(${context}) \\
	{ \\
		${before}_Pragma("GCC diagnostic push") \\
		_Pragma("GCC diagnostic ignored \\"-Wint-conversion\\"") \\
		return ____##name(${call}); \\
		_Pragma("GCC diagnostic pop") \\
	} \\
	static __always_inline typeof(name(0)) ____##name(${context}, ##args)`;
}

/**
 * `BPF_PROG2(name, type, parameter, …)`: parameters may be structs, which fill one or two of the 64-bit arguments. The
 * lists are taken apart two by two, with the argument that comes next.
 */
function pairs(most: number): string {
  const lines = [
    '#define ___bpf_pair_slots(t) (sizeof(t) > 8 ? 2 : 1)',
    `#define ___bpf_pair_value(t, n) \\
	({ \\
		union { typeof(t) value; unsigned long long words[2]; } ___pair = { .words = { ctx[n] } }; \\
		if (___bpf_pair_slots(t) == 2) \\
			___pair.words[1] = ctx[(n) + 1]; \\
		___pair.value; \\
	})`,
    '#define ___bpf_pair_decl0()',
    '#define ___bpf_pair_args0(n)',
  ];
  const counts: string[] = [];
  for (let n = 1; n <= most; n++) {
    const rest = n === 1 ? '' : ', args...';
    lines.push(
      `#define ___bpf_pair_decl${n}(t, x${rest}) , t x ___bpf_pair_decl${n - 1}(${n === 1 ? '' : 'args'})`,
      `#define ___bpf_pair_args${n}(n, t, x${rest}) , ___bpf_pair_value(t, n) ` +
        `___bpf_pair_args${n - 1}((n) + ___bpf_pair_slots(t)${n === 1 ? '' : ', args'})`,
    );
    counts.unshift(String(n), String(n));
  }
  const slots = Array.from({ length: 2 * most }, (_, i) => `_${i + 1}`).join(', ');
  lines.push(
    `#define ___bpf_pair_nth(_, ${slots}, N, ...) N`,
    `#define ___bpf_pair_count(...) ___bpf_pair_nth(_, ##__VA_ARGS__, ${counts.join(', ')}, 0)`,
    '#define ___bpf_pair_decl(args...) ___bpf_apply(___bpf_pair_decl, ___bpf_pair_count(args))(args)',
    '#define ___bpf_pair_args(args...) ___bpf_apply(___bpf_pair_args, ___bpf_pair_count(args))(0, ##args)',
    `#define BPF_PROG2(name, args...) \\
	name(unsigned long long *ctx); \\
	static __always_inline typeof(name(0)) ____##name(unsigned long long *ctx ___bpf_pair_decl(args)); \\
	typeof(name(0)) name(unsigned long long *ctx) \\
	{ \\
		return ____##name(ctx ___bpf_pair_args(args)); \\
	} \\
	static __always_inline typeof(name(0)) ____##name(unsigned long long *ctx ___bpf_pair_decl(args))`,
  );
  return lines.join('\n');
}

function programs(): string {
  const regs = 'struct pt_regs *ctx';
  return [
    casts('___bpf_ctx_cast', MAX_ARGUMENTS, (n) => `(void *)ctx[${n - 1}]`),
    '/* fentry, fexit, lsm, tp_btf, struct_ops: an array of 64-bit arguments. */',
    wrapper('BPF_PROG', 'unsigned long long *ctx', '___bpf_ctx_cast(args)'),
    pairs(MAX_ARGUMENTS),
    casts('___bpf_kprobe_args', 8, (n) => `(void *)PT_REGS_PARM${n}(ctx)`),
    wrapper('BPF_KPROBE', regs, '___bpf_kprobe_args(args)'),
    casts('___bpf_kretprobe_args', 1, () => '(void *)PT_REGS_RC(ctx)'),
    wrapper('BPF_KRETPROBE', regs, '___bpf_kretprobe_args(args)'),
    '#define BPF_UPROBE(name, args...) BPF_KPROBE(name, ##args)',
    '#define BPF_URETPROBE(name, args...) BPF_KRETPROBE(name, ##args)',
    casts('___bpf_syscall_args', 7, (n) => `(void *)PT_REGS_PARM${n}_SYSCALL(regs)`),
    casts('___bpf_syswrap_args', 7, (n) => `(void *)PT_REGS_PARM${n}_CORE_SYSCALL(regs)`),
    '/* Kernels that wrap system calls hand the registers of the caller on as the only argument. */',
    'extern _Bool LINUX_HAS_SYSCALL_WRAPPER __kconfig;',
    `#define BPF_KSYSCALL(name, args...) \\
	name(${regs}); \\
	static __always_inline typeof(name(0)) ____##name(${regs}, ##args); \\
	typeof(name(0)) name(${regs}) \\
	{ \\
		struct pt_regs *regs = LINUX_HAS_SYSCALL_WRAPPER ? PT_REGS_SYSCALL_REGS(ctx) : ctx; \\
		_Pragma("GCC diagnostic push") \\
		_Pragma("GCC diagnostic ignored \\"-Wint-conversion\\"") \\
		if (LINUX_HAS_SYSCALL_WRAPPER) \\
			return ____##name(___bpf_syswrap_args(args)); \\
		else \\
			return ____##name(___bpf_syscall_args(args)); \\
		_Pragma("GCC diagnostic pop") \\
	} \\
	static __always_inline typeof(name(0)) ____##name(${regs}, ##args)`,
    '#define BPF_KPROBE_SYSCALL BPF_KSYSCALL',
    '',
  ].join('\n');
}

const HEAD = `#ifndef __BPF_TRACING_H__
#define __BPF_TRACING_H__

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* The machine that the program will run on, from -D__TARGET_ARCH_..., or that which compiles. */
#if defined(__TARGET_ARCH_x86)
#define bpf_target_x86
#define bpf_target_defined
#elif defined(__TARGET_ARCH_arm64)
#define bpf_target_arm64
#define bpf_target_defined
#elif defined(__x86_64__)
#define bpf_target_x86
#define bpf_target_defined
#elif defined(__aarch64__)
#define bpf_target_arm64
#define bpf_target_defined
#endif
`;

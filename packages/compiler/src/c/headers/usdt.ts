/** Most arguments that a probe has. */
const MAX_ARGUMENTS = 12;

/**
 * `bpf/usdt.bpf.h`: arguments of user-space probes. The maps are filled by the loader (libbpf's layout): where each
 * probe's arguments are, and which probe an instruction belongs to where the kernel has no cookies.
 */
export function usdt(): string {
  const lines = ['#define ___bpf_usdt_args0() ctx'];
  for (let n = 1; n <= MAX_ARGUMENTS; n++) {
    const before = n === 1 ? '___bpf_usdt_args0()' : `___bpf_usdt_args${n - 1}(args)`;
    lines.push(
      `#define ___bpf_usdt_args${n}(x${n === 1 ? '' : ', args...'}) ${before}, ({ long __v; bpf_usdt_arg(ctx, ${n - 1}, &__v); __v; })`,
    );
  }
  return `${HEAD}${lines.join('\n')}\n${TAIL}`;
}

const HEAD = `#ifndef __USDT_BPF_H__
#define __USDT_BPF_H__

#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Room in the maps, which a program may change before it includes this. */
#ifndef BPF_USDT_MAX_SPEC_CNT
#define BPF_USDT_MAX_SPEC_CNT 256
#endif
#ifndef BPF_USDT_MAX_IP_CNT
#define BPF_USDT_MAX_IP_CNT (4 * BPF_USDT_MAX_SPEC_CNT)
#endif

/* Where an argument is: a number, a register, memory at a register, memory at base + index * scale. */
enum __bpf_usdt_arg_type {
	BPF_USDT_ARG_CONST,
	BPF_USDT_ARG_REG,
	BPF_USDT_ARG_REG_DEREF,
	BPF_USDT_ARG_SIB,
};

struct __bpf_usdt_arg_spec {
	__u64 val_off;
	enum __bpf_usdt_arg_type arg_type : 8;
	__u16 idx_reg_off : 12;
	__u16 scale_bitshift : 4;
	__u8 __reserved : 8;
	/* In struct pt_regs. */
	short reg_off;
	_Bool arg_signed;
	/* 64 minus the argument's bits. */
	char arg_bitshift;
};

#define BPF_USDT_MAX_ARG_CNT 12
struct __bpf_usdt_spec {
	struct __bpf_usdt_arg_spec args[BPF_USDT_MAX_ARG_CNT];
	__u64 usdt_cookie;
	short arg_cnt;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BPF_USDT_MAX_SPEC_CNT);
	__type(key, int);
	__type(value, struct __bpf_usdt_spec);
} __bpf_usdt_specs SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BPF_USDT_MAX_IP_CNT);
	__type(key, long);
	__type(value, __u32);
} __bpf_usdt_ip_to_spec_id SEC(".maps") __weak;

extern const _Bool LINUX_HAS_BPF_COOKIE __kconfig;

static __always_inline struct __bpf_usdt_spec *__bpf_usdt_find(struct pt_regs *ctx)
{
	int id;

	if (LINUX_HAS_BPF_COOKIE) {
		id = bpf_get_attach_cookie(ctx);
	} else {
		long ip = PT_REGS_IP(ctx);
		int *found = bpf_map_lookup_elem(&__bpf_usdt_ip_to_spec_id, &ip);

		if (!found)
			return NULL;
		id = *found;
	}
	return bpf_map_lookup_elem(&__bpf_usdt_specs, &id);
}

/* How many arguments the probe has, or -ESRCH. */
__weak __hidden int bpf_usdt_arg_cnt(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __bpf_usdt_find(ctx);

	return spec ? spec->arg_cnt : -ESRCH;
}

/* Argument arg_num, counted from 0, to *res, which is 0 after an error. */
__weak __hidden int bpf_usdt_arg(struct pt_regs *ctx, __u64 arg_num, long *res)
{
	struct __bpf_usdt_arg_spec *arg;
	struct __bpf_usdt_spec *spec;
	unsigned long value = 0, index = 0;
	int err;

	*res = 0;
	spec = __bpf_usdt_find(ctx);
	if (!spec)
		return -ESRCH;
	if (arg_num >= BPF_USDT_MAX_ARG_CNT)
		return -ENOENT;
	barrier_var(arg_num);
	if (arg_num >= spec->arg_cnt)
		return -ENOENT;

	arg = &spec->args[arg_num];
	if (arg->arg_type == BPF_USDT_ARG_CONST) {
		value = arg->val_off;
	} else {
		if (arg->arg_type != BPF_USDT_ARG_REG && arg->arg_type != BPF_USDT_ARG_REG_DEREF &&
		    arg->arg_type != BPF_USDT_ARG_SIB)
			return -EINVAL;
		err = bpf_probe_read_kernel(&value, sizeof(value), (void *)ctx + arg->reg_off);
		if (err)
			return err;
		if (arg->arg_type == BPF_USDT_ARG_SIB) {
			err = bpf_probe_read_kernel(&index, sizeof(index), (void *)ctx + arg->idx_reg_off);
			if (err)
				return err;
			value += index << arg->scale_bitshift;
		}
		if (arg->arg_type != BPF_USDT_ARG_REG) {
			err = bpf_probe_read_user(&value, sizeof(value), (void *)value + arg->val_off);
			if (err)
				return err;
		}
	}

	value <<= arg->arg_bitshift;
	if (arg->arg_signed)
		value = (long)value >> arg->arg_bitshift;
	else
		value >>= arg->arg_bitshift;
	*res = value;
	return 0;
}

/* What the one who attached the probe gave along. */
__weak __hidden long bpf_usdt_cookie(struct pt_regs *ctx)
{
	struct __bpf_usdt_spec *spec = __bpf_usdt_find(ctx);

	return spec ? spec->usdt_cookie : 0;
}

`;

const TAIL = String.raw`#define ___bpf_usdt_args(args...) ___bpf_apply(___bpf_usdt_args, ___bpf_narg(args))(args)

#define BPF_USDT(name, args...) \
	name(struct pt_regs *ctx); \
	static __always_inline typeof(name(0)) ____##name(struct pt_regs *ctx, ##args); \
	typeof(name(0)) name(struct pt_regs *ctx) \
	{ \
		_Pragma("GCC diagnostic push") \
		_Pragma("GCC diagnostic ignored \"-Wint-conversion\"") \
		return ____##name(___bpf_usdt_args(args)); \
		_Pragma("GCC diagnostic pop") \
	} \
	static __always_inline typeof(name(0)) ____##name(struct pt_regs *ctx, ##args)

#endif
`;

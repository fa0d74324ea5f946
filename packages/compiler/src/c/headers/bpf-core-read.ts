/** Accessors that one BPF_CORE_READ may have: `BPF_CORE_READ(task, a, b, …)`. */
const MAX_ACCESSORS = 12;

/** `bpf/bpf_core_read.h`: reads that fit the kernel they run on. The chains of accessors are written out here by number. */
export function bpfCoreRead(): string {
  return `${HEAD}\n${chains()}\n${TAIL}`;
}

/**
 * `___arrow3(s, a, b)` is `s->a->b`. `___read3(fn, step, dst, s, a, b)` reads the pointer `s->a` with `step`, then
 * what `->b` says with `fn`, giving what `fn` returns.
 */
function chains(): string {
  const lines: string[] = ['#define ___arrow1(s) s'];
  for (let n = 1; n <= MAX_ACCESSORS; n++) {
    const names = Array.from({ length: n }, (_, i) => `a${i + 1}`);
    const chain = (count: number) => ['s', ...names.slice(0, count)].join('->');
    lines.push(`#define ___arrow${n + 1}(s, ${names.join(', ')}) ${chain(n)}`);
    const reads: string[] = [];
    for (let i = 1; i < n; i++)
      reads.push(`step(&__t, sizeof(__t), &((typeof(${chain(i - 1)}))(${i === 1 ? 's' : '__t'}))->${names[i - 1]});`);
    const last = `fn(dst, sizeof(*(dst)), &((typeof(${chain(n - 1)}))(${n === 1 ? 's' : '__t'}))->${names[n - 1]});`;
    const temporary = n > 1 ? ['const void *__t;'] : [];
    lines.push(
      `#define ___read${n + 1}(fn, step, dst, s, ${names.join(', ')}) \\\n\t${[...temporary, ...reads, last].join(' \\\n\t')}`,
    );
  }
  const numbers = Array.from({ length: MAX_ACCESSORS + 1 }, (_, i) => MAX_ACCESSORS + 1 - i);
  const slots = numbers.map((n) => `_${n}`);
  lines.push(
    `#define ___core_nth(${slots.join(', ')}, N, ...) N`,
    `#define ___core_count(...) ___core_nth(__VA_ARGS__, ${numbers.join(', ')})`,
    '#define ___core_join(a, b) a##b',
    '#define ___core_pick(a, n) ___core_join(a, n)',
    '#define ___arrow(...) ___core_pick(___arrow, ___core_count(__VA_ARGS__))(__VA_ARGS__)',
    '#define ___type(...) typeof(___arrow(__VA_ARGS__))',
    '#define ___read(fn, step, dst, ...) ___core_pick(___read, ___core_count(__VA_ARGS__))(fn, step, dst, __VA_ARGS__)',
  );
  for (const [name, into, last, step] of FAMILIES) {
    lines.push(
      `#define ${name}${into}(dst, src, a, ...) ({ ___read(${last}, ${step}, dst, (src), a, ##__VA_ARGS__) })`,
    );
    if (into === '_INTO')
      lines.push(
        `#define ${name}(src, a, ...) \\\n\t({ \\\n\t\t___type((src), a, ##__VA_ARGS__) __r; \\\n\t\t` +
          `${name}_INTO(&__r, (src), a, ##__VA_ARGS__); \\\n\t\t__r; \\\n\t})`,
      );
  }
  return `${lines.join('\n')}\n`;
}

/** Name, suffix, what reads the last accessor, what reads the pointers before it. */
const FAMILIES: readonly (readonly [string, '_INTO' | '_STR_INTO', string, string])[] = [
  ['BPF_CORE_READ', '_INTO', 'bpf_core_read', 'bpf_core_read'],
  ['BPF_CORE_READ_USER', '_INTO', 'bpf_core_read_user', 'bpf_core_read_user'],
  ['BPF_CORE_READ', '_STR_INTO', 'bpf_core_read_str', 'bpf_core_read'],
  ['BPF_CORE_READ_USER', '_STR_INTO', 'bpf_core_read_user_str', 'bpf_core_read_user'],
  ['BPF_PROBE_READ', '_INTO', 'bpf_probe_read_kernel', 'bpf_probe_read_kernel'],
  ['BPF_PROBE_READ_USER', '_INTO', 'bpf_probe_read_user', 'bpf_probe_read_user'],
  ['BPF_PROBE_READ', '_STR_INTO', 'bpf_probe_read_kernel_str', 'bpf_probe_read_kernel'],
  ['BPF_PROBE_READ_USER', '_STR_INTO', 'bpf_probe_read_user_str', 'bpf_probe_read_user'],
];

const HEAD = String.raw`#ifndef __BPF_CORE_READ_H__
#define __BPF_CORE_READ_H__

#include <bpf/bpf_helpers.h>

/* What __builtin_preserve_field_info tells. */
enum bpf_field_info_kind {
	BPF_FIELD_BYTE_OFFSET = 0,
	BPF_FIELD_BYTE_SIZE = 1,
	BPF_FIELD_EXISTS = 2,
	BPF_FIELD_SIGNED = 3,
	BPF_FIELD_LSHIFT_U64 = 4,
	BPF_FIELD_RSHIFT_U64 = 5,
};
/* What __builtin_btf_type_id tells. */
enum bpf_type_id_kind {
	BPF_TYPE_ID_LOCAL = 0,
	BPF_TYPE_ID_TARGET = 1,
};
/* What __builtin_preserve_type_info tells. */
enum bpf_type_info_kind {
	BPF_TYPE_EXISTS = 0,
	BPF_TYPE_SIZE = 1,
	BPF_TYPE_MATCHES = 2,
};
/* What __builtin_preserve_enum_value tells. */
enum bpf_enum_value_kind {
	BPF_ENUMVAL_EXISTS = 0,
	BPF_ENUMVAL_VALUE = 1,
};

#define __CORE_RELO(src, field, info) __builtin_preserve_field_info((src)->field, BPF_FIELD_##info)

/* Bit fields: read through bpf_probe_read_kernel ... */
#define BPF_CORE_READ_BITFIELD_PROBED(s, field) \
	({ \
		unsigned long long __val = 0; \
		bpf_probe_read_kernel((void *)&__val, __CORE_RELO(s, field, BYTE_SIZE), \
				      (const void *)(s) + __CORE_RELO(s, field, BYTE_OFFSET)); \
		__val <<= __CORE_RELO(s, field, LSHIFT_U64); \
		if (__CORE_RELO(s, field, SIGNED)) \
			__val = ((long long)__val) >> __CORE_RELO(s, field, RSHIFT_U64); \
		else \
			__val = __val >> __CORE_RELO(s, field, RSHIFT_U64); \
		__val; \
	})
/* ... or directly, where the program may (trusted pointers, context). */
#define BPF_CORE_READ_BITFIELD(s, field) \
	({ \
		const void *__p = (const void *)(s) + __CORE_RELO(s, field, BYTE_OFFSET); \
		unsigned long long __val = 0; \
		asm volatile("" : "=r"(__p) : "0"(__p)); \
		switch (__CORE_RELO(s, field, BYTE_SIZE)) { \
		case 1: __val = *(const unsigned char *)__p; break; \
		case 2: __val = *(const unsigned short *)__p; break; \
		case 4: __val = *(const unsigned int *)__p; break; \
		case 8: __val = *(const unsigned long long *)__p; break; \
		} \
		__val <<= __CORE_RELO(s, field, LSHIFT_U64); \
		if (__CORE_RELO(s, field, SIGNED)) \
			__val = ((long long)__val) >> __CORE_RELO(s, field, RSHIFT_U64); \
		else \
			__val = __val >> __CORE_RELO(s, field, RSHIFT_U64); \
		__val; \
	})

/* Writes a bit field where the program may write. */
#define BPF_CORE_WRITE_BITFIELD(s, field, new_val) \
	({ \
		void *__p = (void *)(s) + __CORE_RELO(s, field, BYTE_OFFSET); \
		unsigned int __left = __CORE_RELO(s, field, LSHIFT_U64); \
		unsigned int __right = __CORE_RELO(s, field, RSHIFT_U64); \
		unsigned long long __mask = (~0ULL << __right) >> __left; \
		unsigned long long __bits = (((unsigned long long)(new_val)) << (__right - __left)) & __mask; \
		asm volatile("" : "+r"(__p)); \
		switch (__CORE_RELO(s, field, BYTE_SIZE)) { \
		case 1: *(unsigned char *)__p = (*(unsigned char *)__p & ~__mask) | __bits; break; \
		case 2: *(unsigned short *)__p = (*(unsigned short *)__p & ~__mask) | __bits; break; \
		case 4: *(unsigned int *)__p = (*(unsigned int *)__p & ~__mask) | __bits; break; \
		case 8: *(unsigned long long *)__p = (*(unsigned long long *)__p & ~__mask) | __bits; break; \
		} \
	})

/* One argument: an expression like p->field. Two: a type and a field of it. */
#define ___bpf_field_ref1(field) (field)
#define ___bpf_field_ref2(type, field) (((typeof(type) *)0)->field)
#define ___bpf_field_ref(args...) ___bpf_apply(___bpf_field_ref, ___bpf_narg(args))(args)

#define bpf_core_field_exists(field...) __builtin_preserve_field_info(___bpf_field_ref(field), BPF_FIELD_EXISTS)
#define bpf_core_field_size(field...) __builtin_preserve_field_info(___bpf_field_ref(field), BPF_FIELD_BYTE_SIZE)
#define bpf_core_field_offset(field...) __builtin_preserve_field_info(___bpf_field_ref(field), BPF_FIELD_BYTE_OFFSET)

#define ___bpf_typeof(type) (*(typeof(type) *)0)
#define bpf_core_type_id_local(type) __builtin_btf_type_id(___bpf_typeof(type), BPF_TYPE_ID_LOCAL)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(___bpf_typeof(type), BPF_TYPE_ID_TARGET)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(___bpf_typeof(type), BPF_TYPE_EXISTS)
#define bpf_core_type_matches(type) __builtin_preserve_type_info(___bpf_typeof(type), BPF_TYPE_MATCHES)
#define bpf_core_type_size(type) __builtin_preserve_type_info(___bpf_typeof(type), BPF_TYPE_SIZE)

#define bpf_core_enum_value_exists(enum_type, enum_value) \
	__builtin_preserve_enum_value(*(typeof(enum_type) *)enum_value, BPF_ENUMVAL_EXISTS)
#define bpf_core_enum_value(enum_type, enum_value) \
	__builtin_preserve_enum_value(*(typeof(enum_type) *)enum_value, BPF_ENUMVAL_VALUE)

#define bpf_core_read(dst, sz, src) bpf_probe_read_kernel(dst, sz, (const void *)__builtin_preserve_access_index(src))
#define bpf_core_read_user(dst, sz, src) bpf_probe_read_user(dst, sz, (const void *)__builtin_preserve_access_index(src))
#define bpf_core_read_str(dst, sz, src) \
	bpf_probe_read_kernel_str(dst, sz, (const void *)__builtin_preserve_access_index(src))
#define bpf_core_read_user_str(dst, sz, src) \
	bpf_probe_read_user_str(dst, sz, (const void *)__builtin_preserve_access_index(src))

/* A pointer to kernel memory as a pointer to the kernel's own type. */
extern void *bpf_rdonly_cast(const void *obj, unsigned int btf_id) __ksym __weak;
#define bpf_core_cast(ptr, type) ((typeof(type) *)bpf_rdonly_cast((ptr), bpf_core_type_id_kernel(type)))
`;

const TAIL = '#endif\n';

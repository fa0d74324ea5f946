/** What a program may ask of the compiler: `__has_builtin(x)` and its like answer from the tables here. */
export const QUERIES: readonly string[] = [
  '__has_attribute',
  '__has_builtin',
  '__has_feature',
  '__has_extension',
  '__has_c_attribute',
  '__has_declspec_attribute',
  '__has_warning',
  '__is_identifier',
];

/** `argument` is the text between the parentheses, without white space. */
export function answerQuery(query: string, argument: string): number {
  const name =
    argument.length > 4 && argument.startsWith('__') && argument.endsWith('__') ? argument.slice(2, -2) : argument;
  switch (query) {
    case '__has_attribute':
      return ATTRIBUTES.has(name) ? 1 : 0;
    case '__has_builtin':
      return BUILTINS.has(argument) ? 1 : 0;
    case '__has_feature':
    case '__has_extension':
      return FEATURES.has(name) ? 1 : 0;
    case '__has_c_attribute':
      return C_ATTRIBUTES.get(name) ?? 0;
    case '__is_identifier':
      return 1;
    default:
      return 0;
  }
}

const ATTRIBUTES = new Set(
  (
    'section used unused always_inline noinline weak packed aligned preserve_access_index btf_decl_tag btf_type_tag ' +
    'noreturn visibility deprecated format may_alias cleanup const pure cold hot warn_unused_result fallthrough error ' +
    'warning malloc nonnull returns_nonnull transparent_union vector_size mode alias gnu_inline artificial flatten ' +
    'no_instrument_function no_sanitize nothrow leaf sentinel'
  ).split(' '),
);

const BUILTINS = new Set(
  (
    '__builtin_memcpy __builtin_memcpy_inline __builtin_memset_inline __builtin_memmove __builtin_memset __builtin_memcmp __builtin_bswap16 __builtin_bswap32 ' +
    '__builtin_bswap64 __builtin_popcount __builtin_popcountl __builtin_popcountll __builtin_parity __builtin_parityl ' +
    '__builtin_parityll __builtin_ctz __builtin_ctzl __builtin_ctzll __builtin_clz __builtin_clzl __builtin_clzll ' +
    '__builtin_ffs __builtin_ffsl __builtin_ffsll __builtin_abs __builtin_labs __builtin_llabs __builtin_expect __builtin_unreachable __builtin_trap __builtin_constant_p ' +
    '__builtin_offsetof __builtin_types_compatible_p __builtin_choose_expr __builtin_strcmp __builtin_strlen ' +
    '__builtin_preserve_access_index __builtin_preserve_field_info __builtin_preserve_type_info ' +
    '__builtin_preserve_enum_value __builtin_btf_type_id __sync_fetch_and_add __sync_fetch_and_sub ' +
    '__sync_fetch_and_or __sync_fetch_and_and __sync_fetch_and_xor __sync_add_and_fetch __sync_sub_and_fetch ' +
    '__sync_lock_test_and_set __sync_val_compare_and_swap __sync_bool_compare_and_swap __atomic_fetch_add ' +
    '__atomic_add_fetch __atomic_exchange_n __atomic_compare_exchange_n __atomic_compare_exchange __atomic_exchange ' +
    '__atomic_load_n __atomic_store_n __atomic_load __atomic_store'
  ).split(' '),
);

const FEATURES = new Set(
  'c_static_assert c_generic_selections c_alignas c_alignof c_atomic statement_attributes_with_gnu_syntax enumerator_attributes'.split(
    ' ',
  ),
);

const C_ATTRIBUTES = new Map([
  ['deprecated', 201904],
  ['fallthrough', 201904],
  ['maybe_unused', 201904],
  ['nodiscard', 202003],
  ['noreturn', 202202],
]);

import { SkepError, type Span, suggest } from '@skep/base';
import { badConfig, badConfigValue } from './diagnostics.ts';

/** Settings of a script, by their short names. */
export type TraceConfig = {
  readonly [K in keyof typeof DEFAULTS]: (typeof DEFAULTS)[K] extends number
    ? number
    : (typeof DEFAULTS)[K] extends boolean
      ? boolean
      : string;
};

export const DEFAULTS = {
  cache_user_symbols: 'PER_PID',
  cpp_demangle: true,
  lazy_symbolication: false,
  license: 'GPL',
  log_size: 1_000_000,
  max_bpf_progs: 1024,
  max_cat_bytes: 10_240,
  max_map_keys: 4096,
  max_probes: 1024,
  max_strlen: 1024,
  missing_probes: 'error',
  on_stack_limit: 32,
  // Of the one ring for all processors; bpftrace has 64 for each.
  perf_rb_pages: 256,
  print_maps_on_exit: true,
  show_debug_info: true,
  stack_mode: 'bpftrace',
  str_trunc_trailer: '..',
  unstable_tseries: 'warn',
  unstable_map_decl: 'warn',
  unstable_dw_ustack: 'warn',
  unstable_typeinfo: 'warn',
  unstable_import: 'warn',
};

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  license: ['Dual MIT/GPL', 'Dual BSD/GPL', 'Dual MPL/GPL', 'GPL and additional rights', 'GPL v2', 'GPL'],
  stack_mode: ['bpftrace', 'perf', 'raw', 'build_id'],
  missing_probes: ['error', 'warn', 'ignore'],
  cache_user_symbols: ['PER_PID', 'PER_PROGRAM', 'NONE'],
};

/** What each setting does, for the reference page. */
export const CONFIG_NAMES = Object.keys(DEFAULTS) as readonly (keyof typeof DEFAULTS)[];

/** Settings of the environment (`BPFTRACE_MAX_STRLEN`) go before those of the script. Throws E1505, E1506. */
export function configOf(
  written: readonly { readonly name: string; readonly value: string; readonly span: Span }[],
  environment: { readonly [name: string]: string | undefined },
): TraceConfig {
  const config: Record<string, string | number | boolean> = { ...DEFAULTS };
  for (const { name, value, span } of written) {
    const short = name.toLowerCase().replace(/^bpftrace_/, '');
    if (!(short in DEFAULTS)) throw new SkepError(badConfig(name, span, suggest(short, CONFIG_NAMES)));
    config[short] = settingOf(short, value, span);
  }
  for (const name of CONFIG_NAMES) {
    const value = environment[`BPFTRACE_${name.toUpperCase()}`];
    if (value !== undefined) config[name] = settingOf(name, value, undefined);
  }
  return config as unknown as TraceConfig;
}

function settingOf(name: string, value: string, span: Span | undefined): string | number | boolean {
  const standard = DEFAULTS[name as keyof typeof DEFAULTS];
  const bad = (valid: string): never => {
    throw new SkepError(badConfigValue(name, value, valid, span as Span));
  };
  if (typeof standard === 'number') return /^\d+$/.test(value) ? Number(value) : bad('a whole number');
  if (typeof standard === 'boolean')
    return /^(1|true)$/.test(value) ? true : /^(0|false)$/.test(value) ? false : bad('true, false, 1, 0');
  const choices = CHOICES[name] ?? (name.startsWith('unstable_') ? ['error', 'warn', 'enable'] : undefined);
  if (choices && !choices.includes(value)) bad(choices.join(', '));
  return value;
}

import type { Span } from '@skep/base';
import { C_HEADERS } from './c-functions.ts';
import type { TraceOptions } from './compile-trace.ts';
import type { TraceConfig } from './config.ts';
import { type Action, type ActionOf, LOST, RING, stackMapName, type TraceMap } from './model.ts';
import { prelude } from './prelude.ts';
import { type TraceType, UINT64 } from './type.ts';

/** What all programs of a script share in the object: maps, texts, the ring, functions that several need. */
export class Output {
  readonly cpus: number;
  readonly config: TraceConfig;
  /** Programs tell what helpers answered (`-k`). */
  readonly helperErrors: boolean;
  /** Nanoseconds from the clock since boot to the time of day. */
  readonly bootOffset: bigint;
  readonly actions: Action[] = [];
  readonly helpers = new Set<keyof typeof HELPERS>();
  readonly scratches: string[] = [];
  vmlinux = false;
  /** How many addresses the stacks have that programs take: each depth has a map, so that what is not taken does not tell stacks apart. */
  readonly stackDepths = new Set<number>();
  /** Names of functions of programs, which values have by their number: a process may have ended when its symbols are wanted. */
  readonly functions = new Set<string>();
  /** Stacks as build ids and offsets. */
  buildIds = false;
  elapsed = false;
  /** Variables of the kernel that programs name. */
  readonly externs = new Map<string, string>();
  /** A map that scripts under test set the time with, in place of the clock. */
  readonly clockMap: string | undefined;
  /** What programs ask before they do anything. */
  guard: TraceOptions['guard'];
  /** The only process that counts. */
  pid: number | undefined;
  /** `import "x.bpf.c"`. */
  readonly imports: string[] = [];
  private readonly texts: string[] = [];
  private readonly symbols = new Map<string, string>();

  constructor(
    cpus: number,
    config: TraceConfig,
    helperErrors: boolean,
    clockMap: string | undefined,
    bootOffset: bigint,
  ) {
    this.clockMap = clockMap;
    this.bootOffset = bootOffset;
    this.cpus = cpus;
    this.config = config;
    this.helperErrors = helperErrors;
  }

  action(action: ActionOf, span: Span, expandedAt: readonly Span[], types: readonly TraceType[]): Action {
    const made = {
      ...action,
      id: this.actions.length,
      span,
      expandedAt,
      record: { kind: 'tuple', items: [UINT64, ...types] },
    } as Action;
    this.actions.push(made);
    return made;
  }

  mapSymbol(name: string): string {
    const plain = name.slice(1).replace(/\W/g, '_');
    const symbol = `AT_${plain}`;
    this.symbols.set(name, symbol);
    return symbol;
  }

  /** The function that counts entries for `len()`. */
  counter(): string {
    this.helpers.add('count');
    return 'skep_count';
  }

  /** Bytes that never change. */
  text(bytes: readonly number[]): string {
    const name = `text_${this.texts.length}`;
    this.texts.push(`static const char ${name}[${bytes.length}] = { ${bytes.join(', ')} };`);
    return name;
  }

  /** The object's source. */
  source(programs: readonly string[], maps: readonly MapInObject[]): string {
    const text = this.declarations(programs.join('\n\n'), maps);
    // What others wrote in C expects libbpf's headers.
    const others = this.imports.length > 0 || this.guard !== undefined;
    return [others ? C_HEADERS : prelude(text, this.vmlinux), ...(this.guard ? [this.guard.header] : []), text].join(
      '\n',
    );
  }

  private declarations(body: string, maps: readonly MapInObject[]): string {
    return [
      'typedef u64 skep_unaligned __attribute__((aligned(1)));',
      `char LICENSE[] SEC("license") = ${JSON.stringify(this.config.license)};`,
      `struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, ${ringBytes(this.config.perf_rb_pages)}); } ${RING} SEC(".maps");`,
      `u64 ${LOST};`,
      'struct skep_loop { void *ctx; };',
      ...(this.elapsed ? ['const volatile u64 skep_started;'] : []),
      ...[...this.externs].map(([name, type]) => `extern const ${type} ${name} __ksym;`),
      ...maps.map(
        (map) =>
          `struct { __uint(type, BPF_MAP_TYPE_${map.type}); __uint(max_entries, ${map.entries}); __uint(key_size, ${map.keySize}); __uint(value_size, ${map.valueSize}); } ${map.symbol} SEC(".maps");`,
      ),
      ...(this.buildIds
        ? [
            `struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(map_flags, BPF_F_STACK_BUILD_ID); __uint(max_entries, 4096); __uint(key_size, 4); __uint(value_size, ${127 * BUILD_ID_ENTRY}); } skep_build_ids SEC(".maps");`,
          ]
        : []),
      ...[...this.stackDepths].map(
        (depth) =>
          `struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(max_entries, 16384); __uint(key_size, 4); __uint(value_size, ${8 * depth}); } ${stackMapName(depth)} SEC(".maps");`,
      ),
      ...this.texts,
      SEND,
      ...(body.includes('skep_error(') ? [ERROR] : []),
      ...[...this.helpers].map((one) => HELPERS[one]),
      ...this.imports,
      body,
      '',
    ].join('\n');
  }
}

interface MapInObject extends TraceMap {
  readonly type: string;
  readonly entries: number;
  readonly valueSize: number;
}

function ringBytes(pages: number): number {
  let size = 65536;
  while (size < pages * 4096) size *= 2;
  return size;
}

const SEND = `static __always_inline void skep_send(void *record, u64 size) {
  if (bpf_ringbuf_output(&${RING}, record, size, 0)) __sync_fetch_and_add(&${LOST}, 1);
}`;

const ERROR = `static __noinline int skep_error(u64 action, s64 code) {
  u64 record[2] = { action, (u64)code };
  skep_send(record, sizeof(record));
  return 0;
}`;

/** Functions in C that scripts need now and then. */
export const HELPERS = {
  divide: `static __always_inline s64 skep_divide(s64 a, s64 b) {
  u64 q = (u64)(a < 0 ? -a : a) / (u64)(b < 0 ? -b : b);
  return (a < 0) != (b < 0) ? -(s64)q : (s64)q;
}
static __always_inline s64 skep_modulo(s64 a, s64 b) {
  u64 r = (u64)(a < 0 ? -a : a) % (u64)(b < 0 ? -b : b);
  return a < 0 ? -(s64)r : (s64)r;
}`,
  log2: `static __noinline u64 skep_log2(u64 n, u64 bits) {
  if (n < (1ULL << (bits + 1))) return n;
  u64 top = n, power = 0;
  if (top >> 32) { top >>= 32; power += 32; }
  if (top >> 16) { top >>= 16; power += 16; }
  if (top >> 8) { top >>= 8; power += 8; }
  if (top >> 4) { top >>= 4; power += 4; }
  if (top >> 2) { top >>= 2; power += 2; }
  if (top >> 1) power += 1;
  u64 below = (n >> ((power - bits) & 63)) & ((1ULL << (bits & 63)) - 1);
  return ((power - bits + 1) << (bits & 63)) + below;
}`,
  count: 'static long skep_count(void *map, void *key, void *value, void *context) { return 0; }',
  append: `static __noinline u32 skep_append(char *to, u32 at, u32 size, char *from, u32 count) {
  for (u32 i = 0; i < count; i++) {
    if (at + 1 >= size || !from[i]) break;
    to[at++] = from[i];
  }
  return at;
}`,
  find: `static __always_inline s64 skep_find(char *hay, u32 hays, char *needle, u32 needles) {
  if (needles == 0 || !needle[0]) return 0;
  for (u32 i = 0; i < hays; i++) {
    if (!hay[i]) break;
    u32 j = 0;
    for (; j < needles; j++) {
      if (!needle[j]) return i;
      if (i + j >= hays || hay[i + j] != needle[j]) break;
    }
    if (j == needles) return i;
  }
  return -1;
}`,
  namespacedTask: `static __noinline u64 skep_namespaced_task(u64 device, u64 inode) {
  u32 numbers[2] = {};
  bpf_get_ns_current_pid_tgid(device, inode, (void *)numbers, sizeof(numbers));
  return (u64)numbers[1] << 32 | numbers[0];
}`,
  commOf: `extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
static __noinline int skep_comm_of(s32 pid, char *to) {
  struct task_struct *task = bpf_task_from_pid(pid);
  if (!task) return -3;
  bpf_probe_read_kernel(to, 16, &task->comm);
  bpf_task_release(task);
  return 0;
}`,
} as const;

/** Bytes of `struct bpf_stack_build_id`. */
const BUILD_ID_ENTRY = 32;

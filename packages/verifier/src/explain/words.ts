/** What is known of values, in words for people. */
import type { RegisterView } from '../record/view.ts';

const MAX32 = 0xffffffffn;
/** Beyond it a bound says nothing. */
const HUGE = 1n << 52n;

export interface Range {
  readonly least: bigint;
  readonly most: bigint;
}

/** The values that are possible, as a person would say them: unsigned when nothing is negative. */
export function rangeOf(view: Pick<RegisterView, 'smin' | 'smax' | 'umin' | 'umax'>): Range | undefined {
  if (view.smin >= 0n) return { least: view.umin, most: view.umax };
  if (view.smin < -HUGE && view.smax > HUGE) return undefined;
  return { least: view.smin, most: view.smax };
}

/** `between 0 and 255`, `7`, `any number`. */
export function rangeWords(range: Range | undefined): string {
  if (range === undefined) return 'any number';
  const { least, most } = range;
  if (least === most) return String(least);
  if (least === 0n && most === MAX32) return 'any 32-bit number';
  if (most > HUGE) return least <= 0n ? 'any number' : `${least} or more`;
  if (least === -(1n << 31n) && most === (1n << 31n) - 1n) return 'any 32-bit number, negative ones too';
  return `between ${least} and ${most}`;
}

export const bytes = (count: number | bigint): string => `${count} byte${BigInt(count) === 1n ? '' : 's'}`;

/** What kind of thing a register holds. */
export function kindWords(view: RegisterView | undefined): string {
  if (view === undefined) return 'nothing: it was never set';
  const kind = view.kind.replace(/_?or_null_?$/, '');
  const may = view.mayBeNull ? ' that may be NULL' : '';
  if (kind === 'scalar') return view.constant === 0n ? 'NULL' : 'a number';
  if (kind.endsWith('ptr_')) {
    const what = `a pointer to struct ${view.struct ?? '?'} of the kernel`;
    return (kind.includes('untrusted') ? `${what} that may be stale` : what) + may;
  }
  return (KINDS[kind] ?? `a pointer (${kind})`) + may;
}

const KINDS: Readonly<Record<string, string>> = {
  ctx: 'the context of the program',
  map_ptr: 'a map',
  map_value: 'a pointer to a value of a map',
  map_key: 'a pointer to a key of a map',
  fp: 'a pointer to the stack',
  pkt: 'a pointer into the packet',
  pkt_meta: 'a pointer to the metadata of the packet',
  pkt_end: 'the end of the packet',
  sock: 'a socket',
  sock_common: 'a socket of any kind',
  tcp_sock: 'a TCP socket',
  xdp_sock: 'an XDP socket',
  mem: 'a pointer to memory',
  ringbuf_mem: 'a record of a ring buffer',
  rdonly_mem: 'a pointer to read-only memory',
  buf: 'a pointer to a buffer of the kernel',
  func: 'a function',
  dynptr_ptr: 'a dynptr',
  flow_keys: 'the flow keys',
  tp_buffer: 'the record of the tracepoint',
  arena: 'a pointer into an arena',
};

/** The kinds that the kernel lists as `expected=fp, pkt, …`, in words. */
export function expectedWords(text: string): string {
  const names = text.split(',').map((one) => one.trim());
  const words = names.map((one) => EXPECTED[one]).filter((one) => one !== undefined);
  return [...new Set(words)].join(', or ') || text;
}

const MEMORY = 'a pointer to memory of the program (its stack, a map value, the packet)';
const EXPECTED: Readonly<Record<string, string>> = {
  fp: MEMORY,
  pkt: MEMORY,
  map_value: MEMORY,
  ctx: 'the context, as the program got it',
  map_ptr: 'a map, as `&name`',
  ringbuf_mem: 'what bpf_ringbuf_reserve() gave',
  sock: 'a socket',
  sock_common: 'a socket',
  tcp_sock: 'a TCP socket',
  ptr_: 'a pointer to an object of the kernel',
  trusted_ptr_: 'a pointer to an object of the kernel that is sure to be alive',
  func: 'a function of the program',
  scalar: 'a number',
};

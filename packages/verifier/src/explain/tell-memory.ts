/** Refusals of accesses to memory: the packet, null, numbers in place of pointers, bounds, alignment, the stack. */
import type { RegisterView } from '../record/view.ts';
import { type Case, mapWords, objectWords, type Remark } from './case.ts';
import type { AccessName } from './evidence.ts';
import type { Subject, Telling } from './model.ts';
import { bytes, kindWords, rangeOf, rangeWords } from './words.ts';

const PACKET_HELP =
  'compare this very pointer with data_end right before, and again after calls that may move the packet';

/** E2101 */
export function packet(c: Case, register: number): Telling {
  const view = c.register(register);
  const size = accessSize(c, register);
  const subject = subjectOf(c, register);
  const message = `${c.access ? `\`${c.access.text}\`` : 'this'} may lie behind the end of the packet`;
  if (view === undefined || view.size === undefined) return { message, help: PACKET_HELP, subject };
  const variable = view.umax !== view.umin;
  const from = view.offset + offsetOf(c);
  const needed = variable
    ? `the ${bytes(size)} there have to be compared with data_end after the pointer was moved`
    : `the first ${bytes(from + size)} have to be in the packet`;
  const proven = Math.max(0, ...provenFor(c, view));
  const check = proven > 0 ? provingCheck(c, view) : undefined;
  const tested = check ?? anyCheck(c);
  const known =
    proven > 0
      ? `only the first ${proven} are known to be${check === undefined ? '' : `, from the check${c.atLine(check)}`}`
      : tested === undefined
        ? 'nothing was compared with data_end on this path'
        : `the check${c.atLine(tested)} is about another pointer`;
  return {
    message,
    needed,
    known,
    remarks: [variable ? moved(c, register) : undefined],
    help: PACKET_HELP,
    subject: { ...subject, ...(tested !== undefined && { check: c.slot(tested) }) },
  };
}

/** What is known of one pointer holds for all that share its number; logs show it of one of them only. */
function provenFor(c: Case, view: RegisterView): number[] {
  const out = [view.size ?? 0];
  for (let r = 0; r < 10; r++) {
    const other = c.register(r);
    if (other?.kind === view.kind && other.id === view.id) out.push(other.size ?? 0);
  }
  return out;
}

/** The jump after which so many bytes were known. */
function provingCheck(c: Case, view: RegisterView): number | undefined {
  const { path } = c.evidence;
  for (let i = c.at - 1; i >= 0; i--) {
    const insn = c.origins.insn(path[i]!.insn);
    if (insn?.kind !== 'jump' || insn.src.kind !== 'reg') continue;
    const kinds = [path[i]!.register(insn.dst), path[i]!.register(insn.src.reg)];
    if (!kinds.some((one) => one?.kind === 'pkt_end')) continue;
    if (kinds.some((one) => one?.kind === 'pkt' && one.id === view.id)) return i;
  }
  return undefined;
}

function anyCheck(c: Case): number | undefined {
  const { path } = c.evidence;
  for (let i = c.at - 1; i >= 0; i--) {
    const insn = c.origins.insn(path[i]!.insn);
    if (insn?.kind !== 'jump' || insn.src.kind !== 'reg') continue;
    if ([insn.dst, insn.src.reg].some((one) => path[i]!.register(one)?.kind === 'pkt_end')) return i;
  }
  return undefined;
}

/** Where a number was added to a pointer, and where the number came from. */
function moved(c: Case, register: number): Remark | undefined {
  for (const { step, insn } of c.origin(register).through) {
    if (insn.kind !== 'alu' || insn.src.kind !== 'reg') continue;
    const at = c.evidence.path[step]!;
    const pointer = at.register(insn.dst);
    const number = pointer?.kind === 'scalar' ? insn.dst : insn.src.reg;
    const view = at.register(number);
    if (view === undefined || view.kind !== 'scalar') continue;
    const from = c.comesFrom(number, step);
    return {
      message: `what is added to the pointer${c.atLine(step)} is ${rangeWords(rangeOf(view))}${from ? `: ${from.message}` : ''}`,
      place: c.place(step),
    };
  }
  return undefined;
}

/** E2103 */
export function mayBeNull(c: Case, register: number, use: string): Telling {
  const origin = c.origin(register).source;
  const call = origin.kind === 'call' ? origin.step : undefined;
  const callee = call === undefined ? undefined : c.origins.callName(call);
  const pointer = c.access?.pointer;
  const name =
    c.insn?.kind === 'call'
      ? c.name(register, 'this pointer')
      : pointer
        ? `\`${pointer}\``
        : c.name(register, 'this pointer');
  const view = c.register(register);
  return {
    message: `${name} may be NULL ${use}`,
    needed: 'a comparison with NULL on every way to here',
    known: call === undefined ? undefined : nullReason(c, callee!, call, view?.map?.name),
    help: 'if (!pointer) return …; before it is used, and before anything is added to it',
    subject: { ...subjectOf(c, register), ...(call !== undefined && { origin: c.slot(call), callee: callee! }) },
  };
}

function nullReason(c: Case, callee: string, call: number, map: string | undefined): string {
  const where = `${callee}()${c.atLine(call)}`;
  if (callee === 'bpf_map_lookup_elem') return `${where} gives NULL when ${mapWords(map)} has no such entry`;
  if (callee === 'bpf_ringbuf_reserve') return `${where} gives NULL when the ring is full`;
  if (/sk_lookup|skc_lookup/.test(callee)) return `${where} gives NULL when there is no such socket`;
  return `${where} may give NULL`;
}

const NUMBER_HELP =
  'read kernel memory with bpf_probe_read_kernel() or BPF_CORE_READ(); keep pointers in 64-bit variables and read data and data_end again after calls that move the packet';

/** E2102 */
export function numberAsPointer(c: Case, register: number): Telling {
  const pointer = c.access?.pointer ?? c.naming.variable?.(c.evidence.insn, register);
  const name = pointer === undefined ? 'this' : `\`${pointer}\``;
  const subject = subjectOf(c, register);
  const view = c.register(register);
  if (view?.constant === 0n)
    return {
      message: `${name} is NULL on this path`,
      remarks: lastDecisions(c, 1),
      help: 'leave this path before the access, or set the pointer on it',
      subject,
    };
  const call = c.movedPacket(register);
  if (call !== undefined)
    return {
      message: `${name} pointed into the packet before ${c.origins.callName(call)}()${c.atLine(call)}, and does not any more`,
      needed: 'data and data_end have to be read from the context again, and compared again',
      remarks: [{ message: 'this call may move the packet', place: c.place(call) }],
      help: 'read ctx->data and ctx->data_end again after the call, and check again',
      subject: { ...subject, origin: c.slot(call), callee: c.origins.callName(call) },
    };
  const { source, through } = c.origin(register);
  const message = `${name} is a number to the verifier, not a pointer: memory cannot be read or written through it`;
  const narrow = through.find((one) => 'width' in one.insn && one.insn.width === 32);
  if (narrow !== undefined)
    return {
      message,
      known: `32-bit arithmetic${c.atLine(narrow.step)} made a number of it`,
      remarks: [{ message: 'here', place: c.place(narrow.step) }],
      help: NUMBER_HELP,
      subject,
    };
  if (source.kind === 'load') {
    const base = c.evidence.path[source.step]!.register(source.base);
    const words = c.sourceWords(source);
    return {
      message,
      known: `it was read from ${words}${c.atLine(source.step)}${base && untracked(base.kind, source.size)}`,
      remarks: [{ message: 'read here', place: c.place(source.step) }],
      help: NUMBER_HELP,
      subject: { ...subject, origin: c.slot(source.step) },
    };
  }
  const from = c.comesFrom(register);
  return {
    message,
    ...(from && { known: from.message }),
    help: NUMBER_HELP,
    subject: { ...subject, ...('step' in source && { origin: c.slot(source.step) }) },
  };
}

function untracked(kind: string, size: number): string {
  if (size < 8) return `, and only ${bytes(size)} of it`;
  switch (kind) {
    case 'map_value':
      return ', and pointers that were kept in a map are numbers when they are read back';
    case 'ctx':
      return ', whose registers and fields are numbers';
    case 'fp':
      return ', where a call left it';
    default:
      return '';
  }
}

/** E2104 */
export function wrongPointer(c: Case, register: number): Telling {
  return {
    message: `memory cannot be accessed through ${kindWords(c.register(register))}`,
    help: 'hand it to the helpers that take it, or read it with bpf_probe_read_kernel()',
    subject: subjectOf(c, register),
  };
}

const BOUND_HELP =
  'compare the very variable that is used with the limit, right before the access; for a power of two, `& (N - 1)` does it too';

/** E2106, E2107: an access before or behind an object. */
export function bounds(c: Case, register: number): Telling {
  const view = c.register(register);
  const { access } = c;
  const size = accessSize(c, register);
  const subject = subjectOf(c, register);
  if (view === undefined) return { message: 'the access may lie outside of the object', help: BOUND_HELP, subject };
  const object = view.map?.valueSize ?? view.size;
  const reach = c.reach(view, offsetOf(c));
  const index = access?.index;
  const number = moved(c, register);
  if (index !== undefined) {
    const range = indexRange(view, index, offsetOf(c));
    const count = index.count ?? (object === undefined ? undefined : Math.floor(object / index.size));
    return {
      message: `\`${access!.text}\` may lie outside of ${index.count === undefined ? objectWords(view) : `its ${index.count} elements`}`,
      needed: count === undefined ? undefined : `\`${index.text}\` has to be between 0 and ${count - 1} here`,
      known: `it is ${rangeWords(range)}${sourceOfIndex(c, register)}`,
      remarks: checksOf(c, register),
      help: BOUND_HELP,
      subject: { ...subject, ...(object !== undefined && { size: object }) },
    };
  }
  const first = reach.least === undefined ? 'anywhere before' : `byte ${reach.least}`;
  const last = reach.most === undefined ? 'anywhere behind' : `byte ${reach.most + BigInt(size) - 1n}`;
  const constant = reach.least !== undefined && reach.least === reach.most;
  return {
    message: `${access ? `\`${access.text}\`` : 'this access'} may lie outside of ${objectWords(view)}`,
    needed: object === undefined ? undefined : `bytes 0 to ${object - 1} are there`,
    known: constant
      ? `this is bytes ${reach.least} to ${reach.most! + BigInt(size) - 1n}`
      : `it may reach from ${first} to ${last}`,
    remarks: [number, ...checksOf(c, register)],
    help: BOUND_HELP,
    subject: { ...subject, ...(object !== undefined && { size: object }) },
  };
}

/** What was added, in elements; a constant part stands in the pointer's offset. */
function indexRange(view: RegisterView, index: NonNullable<AccessName['index']>, off: number, onStack = false) {
  const range = rangeOf(view);
  if (range === undefined) return undefined;
  const per = BigInt(Math.max(1, index.size));
  const fixed = onStack ? 0n : BigInt(view.offset + off - index.start);
  return { least: (range.least + fixed) / per, most: (range.most + fixed) / per };
}

function sourceOfIndex(c: Case, register: number): string {
  for (const { step, insn } of c.origin(register).through) {
    if (insn.kind !== 'alu' || insn.src.kind !== 'reg') continue;
    const at = c.evidence.path[step]!;
    const number = at.register(insn.dst)?.kind === 'scalar' ? insn.dst : insn.src.reg;
    if (at.register(number)?.kind !== 'scalar') continue;
    const from = c.comesFrom(number, step);
    if (from) return `: ${from.message}`;
  }
  return '';
}

/** Comparisons on the path about the number that was added to the pointer. */
function checksOf(c: Case, register: number): Remark[] {
  const out: Remark[] = [];
  for (const { step, insn } of c.origin(register).through) {
    if (insn.kind !== 'alu' || insn.src.kind !== 'reg') continue;
    for (const i of c.origins.decisions(step, insn.src.reg).slice(0, 2)) {
      const remark = decision(c, i);
      if (remark) out.push(remark);
    }
  }
  return out.reverse();
}

/** `line 21: if (len > 64) …: went on at line 24` */
export function decision(c: Case, step: number): Remark | undefined {
  const place = c.place(step);
  if (place === undefined) return undefined;
  const next = c.place(step + 1);
  const to = next === undefined || next.line === place.line ? '' : `, the way on to line ${next.line}`;
  return { message: `the path comes through here${to}`, place };
}

/** The last places where the path could have gone another way. */
export function lastDecisions(c: Case, count: number): Remark[] {
  const { path } = c.evidence;
  const out: Remark[] = [];
  const lines = new Set<number>([c.line ?? -1]);
  for (let i = c.at - 1; i >= 0 && out.length < count; i--) {
    const step = path[i]!;
    if (step.taken === undefined || !step.open) continue;
    const remark = decision(c, i);
    if (remark?.place === undefined || lines.has(remark.place.line)) continue;
    lines.add(remark.place.line);
    out.push(remark);
  }
  return out.reverse();
}

/** E2106, E2109: a size or an offset handed to a helper. */
export function sizeArgument(c: Case, register: number, negative: boolean): Telling {
  const name = c.name(register, 'the size');
  const from = c.comesFrom(register);
  return {
    message: negative
      ? `${name} may be negative${c.insn?.kind === 'call' ? `, and ${calleeOf(c)}() takes a size` : ''}`
      : `nothing limits ${name} from above`,
    needed: 'a value between 0 and the size of the memory that is passed',
    known: `${c.known(register)}${from ? `: ${from.message}` : ''}`,
    help: negative
      ? 'make the variable unsigned, or: if (n < 0) return …; right before'
      : 'limit it right before its use: if (n > sizeof(buffer)) n = sizeof(buffer);',
    subject: subjectOf(c, register),
  };
}

/** E2110 */
export function pointerMath(c: Case): Telling {
  const { insn } = c;
  const help = 'make it unsigned and limit it before it is added: if (n > MAX) return …';
  const needed = 'a number that is known to be small and not negative';
  if (insn?.kind !== 'alu' || insn.src.kind !== 'reg')
    return { message: 'a number is added to a pointer, and may be negative or far too large', needed, help };
  const isNumber = c.register(insn.dst)?.kind === 'scalar';
  const number = isNumber ? insn.dst : insn.src.reg;
  const pointer = c.register(isNumber ? insn.src.reg : insn.dst);
  const size = pointer?.map?.valueSize ?? pointer?.size;
  const index = c.access?.index;
  const name = index?.text ?? c.naming.variable?.(c.evidence.insn, number);
  const from = c.comesFrom(number);
  const range = rangeWords(c.unscaled(number));
  return {
    message: `${name === undefined ? 'a number' : `\`${name}\``} is added to a pointer, and may be negative or far too large`,
    needed: index?.count === undefined ? needed : `\`${index.text}\` has to be between 0 and ${index.count - 1} here`,
    known: `it is ${range}${from ? `: ${from.message}` : ''}`,
    remarks: c.origins
      .decisions(c.at, number)
      .slice(0, 2)
      .reverse()
      .map((one) => decision(c, one)),
    help,
    subject: { ...subjectOf(c, number), ...(size !== undefined && { size }) },
  };
}

/** E2111 */
export function zeroSize(c: Case, register: number): Telling {
  const from = c.comesFrom(register);
  return {
    message: `${c.name(register, 'the size')} may be 0, which ${calleeOf(c)}() does not take`,
    needed: 'a size of at least 1',
    known: `${c.known(register)}${from ? `: ${from.message}` : ''}`,
    help: 'if (n == 0) return …; before the call',
    subject: subjectOf(c, register),
  };
}

/** E2108 */
export function misaligned(c: Case): Telling {
  return {
    message: `the address of ${c.access ? `\`${c.access.text}\`` : 'this access'} is not a multiple of its ${bytes(accessSize(c, undefined))}`,
    needed: 'on the stack, and for atomic operations, addresses have to be aligned',
    help: 'align the variable with __attribute__((aligned(8))), or copy the field with __builtin_memcpy()',
    subject: {},
  };
}

/** E2118: bytes of the stack that nobody wrote. */
export function stackUnwritten(c: Case, register: number | undefined, offset: number, index: number): Telling {
  const argument =
    c.insn?.kind === 'call' && register !== undefined ? c.naming.argument?.(c.evidence.insn, register) : undefined;
  const what = argument === undefined ? 'memory on the stack' : `\`${argument}\``;
  return {
    message: `byte ${index} of ${what} is read${c.insn?.kind === 'call' ? ` by ${calleeOf(c)}()` : ''}, and was never written`,
    needed: 'every byte that is read has to be written before, the padding of structs too',
    known: `nothing on this path writes byte ${index} (r10${offset + index})`,
    remarks: lastDecisions(c, 1),
    help: 'struct s v = {}; or __builtin_memset(&v, 0, sizeof(v)); before its members are set',
    subject: { ...(register !== undefined && subjectOf(c, register)) },
  };
}

/** E2118 as well: behind or before the frame. */
export function stackBounds(c: Case, register: number | undefined): Telling {
  const view = register === undefined ? undefined : c.register(register);
  const index = c.access?.index;
  if (register !== undefined && index !== undefined && view !== undefined) {
    const range = indexRange(view, index, 0, true);
    return {
      message: `\`${c.access!.text}\` may lie outside of ${index.count === undefined ? 'the stack' : `its ${index.count} elements`}`,
      needed:
        index.count === undefined ? undefined : `\`${index.text}\` has to be between 0 and ${index.count - 1} here`,
      known: `it is ${rangeWords(range)}${sourceOfIndex(c, register)}`,
      remarks: checksOf(c, register),
      help: BOUND_HELP,
      subject: subjectOf(c, register),
    };
  }
  return {
    message: 'the access lies outside of the stack of this function',
    needed: 'an address between r10 - 512 and r10',
    remarks: [register === undefined ? undefined : moved(c, register)],
    help: 'limit the index or the size, or keep large data in a map',
    subject: register === undefined ? {} : subjectOf(c, register),
  };
}

export function calleeOf(c: Case): string {
  return c.insn?.kind === 'call' ? c.origins.targetName(c.insn, c.evidence.insn) : 'the call';
}

export function subjectOf(c: Case, register: number): Subject {
  const { source } = c.origin(register);
  return {
    register,
    ...(c.insn?.kind === 'call' && { argument: register, callee: calleeOf(c) }),
    ...('step' in source && { origin: c.slot(source.step) }),
  };
}

function offsetOf(c: Case): number {
  const { insn } = c;
  return insn !== undefined && 'off' in insn && insn.kind !== 'jump' ? insn.off : 0;
}

/** Bytes that are accessed: of the instruction, or the size argument behind the pointer. */
function accessSize(c: Case, register: number | undefined): number {
  const { insn } = c;
  if (insn?.kind === 'load' || insn?.kind === 'store' || insn?.kind === 'atomic') return insn.size;
  if (insn?.kind === 'call' && register !== undefined) {
    const size = c.register(register + 1);
    if (size?.kind === 'scalar' && size.umax < 1n << 32n) return Number(size.umax);
  }
  return 1;
}

/** One refusal with all that can be asked about it. */
import type { Insn } from '@skep/object';
import type { RegisterView } from '../record/view.ts';
import { type AccessName, type Evidence, type Naming, type Place, placeOf } from './evidence.ts';
import { type Origin, Origins, type Source } from './origin.ts';
import { bytes, type Range, rangeOf, rangeWords } from './words.ts';

/** A remark on the way to the refusal. */
export interface Remark {
  readonly message: string;
  readonly place: Place | undefined;
}

export class Case {
  readonly evidence: Evidence;
  readonly naming: Naming;
  readonly origins: Origins;
  /** Index of the refused step in the path; -1 when there is none. */
  readonly at: number;
  readonly insn: Insn | undefined;

  constructor(evidence: Evidence, naming: Naming) {
    this.evidence = evidence;
    this.naming = naming;
    this.origins = new Origins(evidence);
    this.at = evidence.path.length - 1;
    this.insn = this.origins.insn(evidence.insn);
  }

  register(number: number): RegisterView | undefined {
    return this.evidence.path[this.at]?.register(number);
  }

  origin(register: number, at = this.at): Origin {
    return this.origins.of(register, at);
  }

  slot(step: number): number {
    return this.evidence.path[step]?.insn ?? -1;
  }

  place(step: number): Place | undefined {
    return placeOf(this.evidence.lines, this.slot(step));
  }

  /** ` at line 21`, or nothing where lines are not known or it is the refused line itself. */
  atLine(step: number): string {
    const place = this.place(step);
    if (place === undefined) return ` (instruction ${this.slot(step)})`;
    return place.line === this.line ? ' on this line' : ` at line ${place.line}`;
  }

  get line(): number | undefined {
    return (this.leftAt() ?? placeOf(this.evidence.lines, this.evidence.insn))?.line;
  }

  /**
   * Compilers let the returns of a function share their last instructions, whose line is that of one of them. When the
   * path comes to it from further down, the return is the next one there.
   */
  leftAt(): Place | undefined {
    if (this.insn?.kind !== 'exit') return undefined;
    const exit = placeOf(this.evidence.lines, this.evidence.insn);
    for (let i = this.at - 1; i >= 0; i--) {
      const place = this.place(i);
      if (place === undefined || exit === undefined || place.file !== exit.file || place.line === exit.line) continue;
      return place.line > exit.line ? this.naming.returnBehind?.(this.slot(i)) : undefined;
    }
    return undefined;
  }

  get access(): AccessName | undefined {
    return this.naming.access?.(this.evidence.insn);
  }

  /** Argument of the refused call, or the variable in a register, as the author wrote it, quoted; else `otherwise`. */
  name(register: number, otherwise: string): string {
    const text =
      (this.insn?.kind === 'call' ? this.naming.argument?.(this.evidence.insn, register) : undefined) ??
      this.naming.variable?.(this.evidence.insn, register);
    return text === undefined ? otherwise : `\`${text}\``;
  }

  /** `it comes from the packet at line 21`; undefined when that says nothing. */
  comesFrom(register: number, at = this.at): Remark | undefined {
    const { source } = this.origin(register, at);
    if (!('step' in source)) {
      if (source.kind === 'argument') return { message: 'it is an argument of the function', place: undefined };
      return undefined;
    }
    const words = this.sourceWords(source);
    if (words === undefined) return undefined;
    return { message: `it comes from ${words}${this.atLine(source.step)}`, place: this.place(source.step) };
  }

  sourceWords(source: Source): string | undefined {
    switch (source.kind) {
      case 'call':
        return `${this.origins.callName(source.step)}()`;
      case 'load': {
        const base = this.evidence.path[source.step]!.register(source.base);
        return base && loadedFrom(base);
      }
      default:
        return undefined;
    }
  }

  /** Ranges of what was added to a pointer, in bytes from its object's start: where accesses of `size` begin. */
  reach(view: RegisterView, off: number): { readonly least: bigint | undefined; readonly most: bigint | undefined } {
    const range = rangeOf(view);
    const start = BigInt(view.offset + off);
    return {
      least: range && range.least + start,
      most: range && range.most < 1n << 40n ? range.most + start : undefined,
    };
  }

  /** The values of an index before it was made bytes. */
  unscaled(register: number): Range | undefined {
    const [last] = this.origin(register).through;
    const scaled = last !== undefined && last.insn.kind === 'alu' && (last.insn.op === 'lsh' || last.insn.op === 'mul');
    const view = scaled ? this.evidence.path[last.step]!.register(last.insn.dst) : this.register(register);
    return view && rangeOf(view);
  }

  known(register: number): string {
    const view = this.register(register);
    return view === undefined ? 'it was never set' : `it is ${rangeWords(rangeOf(view))}`;
  }

  /** The last call on the path after which packet pointers are void, if `register` held one before it. */
  movedPacket(register: number): number | undefined {
    const { path } = this.evidence;
    const frame = path[this.at]?.frame ?? 0;
    for (let i = this.at - 1; i >= 0; i--) {
      const step = path[i]!;
      if (step.frame !== frame) continue;
      const insn = this.origins.insn(step.insn);
      const before = step.register(register)?.kind;
      if (before === 'pkt' || before === 'pkt_end' || before === 'pkt_meta')
        return insn?.kind === 'call' ? i : undefined;
      if (writes(insn, register)) return undefined;
    }
    return undefined;
  }
}

/** What memory a value was read from. */
function loadedFrom(base: RegisterView): string {
  switch (base.kind) {
    case 'pkt':
      return 'the packet';
    case 'ctx':
      return 'the context';
    case 'map_value':
      return mapWords(base.map?.name);
    case 'fp':
      return 'the stack';
    case 'mem':
    case 'rdonly_mem':
    case 'ringbuf_mem':
      return 'memory';
    default:
      return base.struct === undefined ? `memory (${base.kind})` : `struct ${base.struct} of the kernel`;
  }
}

const GLOBALS = /^\.(bss|data|rodata)|\.(bss|data|rodata)$/;

export function mapWords(name: string | undefined): string {
  if (name === undefined) return 'a map';
  return GLOBALS.test(name) ? 'a global variable' : `the map \`${name}\``;
}

export function objectWords(view: RegisterView): string {
  const size = view.map?.valueSize ?? view.size;
  const what =
    view.kind === 'fp'
      ? 'the stack'
      : view.map === undefined
        ? 'the memory'
        : GLOBALS.test(view.map.name)
          ? 'the global variables there'
          : `a value of \`${view.map.name}\``;
  return size === undefined ? what : `${what} (${bytes(size)})`;
}

function writes(insn: Insn | undefined, register: number): boolean {
  switch (insn?.kind) {
    case 'alu':
    case 'load':
    case 'ld_imm64':
    case 'movsx':
    case 'endian':
    case 'addr_space_cast':
      return insn.dst === register;
    case 'call':
      return register <= 5;
    default:
      return false;
  }
}

/** The states of every instruction as the kernel's log of level 2 prints them, without the lines about precision. */
import { decodeAt, printInsn } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import { stateText } from './text.ts';

/** Column of the states behind instructions. */
const STATES_AT = 40;

export class Trace {
  /** Registers that were read or written since they were last shown, one bit each. */
  touched = 0;
  /** The next state is that of another path. */
  fresh = false;
  private readonly write: (line: string) => void;
  private pending = '';
  private touchedLow = 0;
  private touchedHigh = 0;
  private readonly lines: ReadonlyMap<number, string>;
  private lastLine = '';

  constructor(x: Explorer, write: (line: string) => void) {
    this.write = write;
    this.lines = new Map(
      (x.program.input.lineInfo ?? []).map((one) => [
        one.slot,
        `; ${one.text.trim()} @ ${one.file.slice(one.file.lastIndexOf('/') + 1)}:${one.line}`,
      ]),
    );
  }

  touchSlot(index: number): void {
    if (index < 32) this.touchedLow |= 1 << index;
    else this.touchedHigh |= 1 << (index - 32);
  }

  /** Everything counts as touched: a function is entered by itself. */
  reset(): void {
    this.touchAll();
    this.fresh = false;
  }

  /** Before an instruction is looked at; `from` was the one before it. */
  enter(x: Explorer, from: number): void {
    const { insn } = x;
    if (this.fresh && from >= 0) {
      this.flush();
      this.write(`from ${from} to ${insn}${guess(x)}:${stateText(x.state, x.frame, this.options(x))}`);
    }
    this.fresh = false;
    this.show(x);
    this.flush();
    const line = this.lines.get(insn);
    if (line !== undefined && line !== this.lastLine) {
      this.flush();
      this.lastLine = line;
      this.write(line);
    }
    this.pending = `${insn}: ${this.instruction(x)}`;
  }

  /** What was touched since it was last shown, behind the instruction where that is still open. */
  show(x: Explorer): void {
    const now = this.text(x);
    if (now === '') return;
    if (this.pending !== '') this.write(`${this.pending.padEnd(STATES_AT - 1)};${now}`);
    else this.write(`${x.insn}:${now}`);
    this.pending = '';
    this.touched = this.touchedLow = this.touchedHigh = 0;
  }

  /** Another path goes on: all of its state is new. */
  turn(): void {
    this.touchAll();
    this.fresh = true;
  }

  touchAll(): void {
    this.touched = this.touchedLow = this.touchedHigh = -1;
  }

  /** The path ends here: a state that was found safe covers it. */
  covered(x: Explorer, from: number): void {
    this.flush();
    this.write(this.fresh ? `from ${from} to ${x.insn}${guess(x)}: safe` : `${x.insn}: safe`);
  }

  /** All that is known, under a heading. */
  whole(x: Explorer, heading: string, frame = x.frame): void {
    this.flush();
    this.write(heading);
    this.write(stateText(x.state, frame, this.options(x)));
  }

  say(line: string): void {
    this.flush();
    this.write(line);
  }

  flush(): void {
    if (this.pending !== '') this.write(this.pending);
    this.pending = '';
  }

  private text(x: Explorer): string {
    if ((this.touched | this.touchedLow | this.touchedHigh) === 0) return '';
    const { touched, touchedLow: low, touchedHigh: high } = this;
    const shown = stateText(x.state, x.frame, {
      ...this.options(x),
      registers: touched,
      slots: (index) => ((index < 32 ? low >>> index : high >>> (index - 32)) & 1) !== 0,
    });
    return shown === '' ? ' ' : shown;
  }

  private options(x: Explorer) {
    return { liveness: x.kernel.version !== '6.18', allPrecise: !x.privileged };
  }

  private instruction(x: Explorer): string {
    const { insn, program } = x;
    const code = `(${program.code[insn]!.toString(16).padStart(2, '0')})`;
    const decoded = decodeAt(program.input.code, insn);
    return decoded.kind === 'bad' ? code : `${code} ${printInsn(decoded, {}, insn)}`;
  }
}

const guess = (x: Explorer): string => (x.state.speculative ? ' (speculative execution)' : '');

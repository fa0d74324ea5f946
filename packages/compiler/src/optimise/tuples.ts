/**
 * Numbers for tuples of five int32: the same for equal ones, from 0 on in the order of their first appearance. Texts as keys of a
 * Map do the same at several times the cost.
 */
export class Tuples {
  private words = new Int32Array(WIDTH * 64);
  /** Open addressing: the number of a tuple and 1, or 0. */
  private slots = new Int32Array(128);
  private count = 0;

  numberOf(a: number, b: number, c: number, d: number, e: number): number {
    const mask = this.slots.length - 1;
    for (let at = hash(a, b, c, d, e) & mask; ; at = (at + 1) & mask) {
      const known = this.slots[at]! - 1;
      if (known < 0) {
        this.slots[at] = this.count + 1;
        return this.add(a, b, c, d, e);
      }
      const { words } = this;
      const start = known * WIDTH;
      if (
        words[start] === a &&
        words[start + 1] === b &&
        words[start + 2] === c &&
        words[start + 3] === d &&
        words[start + 4] === e
      )
        return known;
    }
  }

  private add(a: number, b: number, c: number, d: number, e: number): number {
    const start = this.count * WIDTH;
    if (start === this.words.length) {
      const more = new Int32Array(2 * start);
      more.set(this.words);
      this.words = more;
    }
    const { words } = this;
    words[start] = a;
    words[start + 1] = b;
    words[start + 2] = c;
    words[start + 3] = d;
    words[start + 4] = e;
    this.count += 1;
    if (2 * this.count > this.slots.length) this.spread();
    return this.count - 1;
  }

  private spread(): void {
    const { words } = this;
    const slots = new Int32Array(2 * this.slots.length);
    const mask = slots.length - 1;
    for (let i = 0, start = 0; i < this.count; i++, start += WIDTH) {
      let at = hash(words[start]!, words[start + 1]!, words[start + 2]!, words[start + 3]!, words[start + 4]!) & mask;
      while (slots[at] !== 0) at = (at + 1) & mask;
      slots[at] = i + 1;
    }
    this.slots = slots;
  }
}

const WIDTH = 5;

function hash(a: number, b: number, c: number, d: number, e: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ b;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ c;
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) ^ d;
  h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f) ^ e;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return h ^ (h >>> 13);
}

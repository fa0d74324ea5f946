import { readText } from '../sys/files.ts';
import { type Found, SymbolList, SymbolTable } from './symbol-table.ts';

/**
 * Names of kernel addresses, from /proc/kallsyms as it is when this is made. Empty where the kernel hides addresses from
 * this process (kernel.kptr_restrict).
 */
export class KernelSymbols {
  private readonly table: SymbolTable;
  private readonly modules = new Map<string, string>();

  constructor(text: string = readText('/proc/kallsyms') ?? '') {
    const list = new SymbolList();
    for (let at = 0; at < text.length; ) {
      let end = text.indexOf('\n', at);
      if (end < 0) end = text.length;
      if (FUNCTION.includes(text[at + 17]!)) {
        const high = hex(text, at);
        const low = hex(text, at + 8);
        const bracket = text[end - 1] === ']' ? text.lastIndexOf('\t', end) : -1;
        const name = text.slice(at + 19, bracket > at ? bracket : end);
        if (bracket > at) this.modules.set(name, text.slice(bracket + 2, end - 1));
        if (high !== 0 || low !== 0) list.addHalves(low, high, 0, 0, name);
      }
      at = end + 1;
    }
    this.table = new SymbolTable(list);
  }

  get size(): number {
    return this.table.size;
  }

  /** The function that an address of kernel code lies in. */
  find(address: bigint): (Found & { readonly module: string | undefined }) | undefined {
    const found = this.table.find(address);
    return found && { ...found, module: this.modules.get(found.name) };
  }
}

/** As nm(1) has them: text, global or local, and weak. */
const FUNCTION = 'tTwW';

/** Eight digits as an unsigned number. */
function hex(text: string, at: number): number {
  let value = 0;
  for (let i = at; i < at + 8; i++) {
    const code = text.charCodeAt(i);
    value = value * 16 + (code <= 57 ? code - 48 : code - 87);
  }
  return value;
}

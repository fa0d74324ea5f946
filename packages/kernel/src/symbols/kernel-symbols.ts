import { readText } from '../sys/files.ts';
import { type Found, SymbolTable } from './symbol-table.ts';

/**
 * Names of kernel addresses, from /proc/kallsyms as it is when this is made (some 100 ms for 200,000 functions). Empty
 * where the kernel hides addresses from this process (kernel.kptr_restrict).
 */
export class KernelSymbols {
  private readonly table: SymbolTable;
  private readonly modules = new Map<string, string>();

  constructor(text: string = readText('/proc/kallsyms') ?? '') {
    const symbols: { start: bigint; end: bigint; name: string }[] = [];
    for (let at = 0; at < text.length; ) {
      let end = text.indexOf('\n', at);
      if (end < 0) end = text.length;
      const type = text[at + 17]!;
      if (FUNCTION.includes(type)) {
        const start = BigInt(`0x${text.slice(at, at + 16)}`);
        const tab = text.indexOf('\t', at + 19);
        const nameEnd = tab > 0 && tab < end ? tab : end;
        const name = text.slice(at + 19, nameEnd);
        if (nameEnd < end) this.modules.set(name, text.slice(tab + 2, end - 1));
        if (start !== 0n) symbols.push({ start, end: 0n, name });
      }
      at = end + 1;
    }
    this.table = new SymbolTable(symbols);
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

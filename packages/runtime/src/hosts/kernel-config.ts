import { SkepError } from '@skep/base';
import { kernelSetting } from '@skep/kernel';
import type { Btf, GlobalSpec } from '@skep/object';
import { noSuchSetting, settingMismatch } from '../diagnostics.ts';

/**
 * Values of `.kconfig` from the configuration that the running kernel was built with: `y`, `n` and `m` for booleans,
 * characters and tristates, numbers, texts. What it does not have is 0 where the variable is weak.
 */
export function kconfigValue(size: number, globals: readonly GlobalSpec[], btf: Btf): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const global of globals) {
    const text = kernelSetting(global.name);
    if (text !== undefined) write(bytes, view, global, text, btf);
    else if (!global.weak) throw new SkepError(noSuchSetting(global.name), 5);
  }
  return bytes;
}

function write(bytes: Uint8Array, view: DataView, global: GlobalSpec, text: string, btf: Btf): void {
  const { name, offset, size } = global;
  const type = btf.type(btf.resolve(global.type));
  if (type.kind === 'array') {
    if (!text.startsWith('"')) throw new SkepError(settingMismatch(name, text, 'a text'));
    const content = new TextEncoder().encode(text.slice(1, -1)).subarray(0, size - 1);
    bytes.set(content, offset);
    return;
  }
  const letter = { y: 1, m: 2, n: 0 }[text];
  if (letter !== undefined) {
    const bool = type.kind === 'int' && type.bool;
    if (bool && text === 'm') throw new SkepError(settingMismatch(name, text, 'yes or no'));
    const char = type.kind === 'int' && !type.bool && size === 1;
    view.setUint8(offset, char ? text.charCodeAt(0) : letter);
    return;
  }
  if (!/^-?(0x[0-9a-f]+|\d+)$/i.test(text)) throw new SkepError(settingMismatch(name, text, 'a number'));
  const value = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  const bits = BigInt.asUintN(size * 8, value);
  if (bits !== value && BigInt.asIntN(size * 8, value) !== value) {
    throw new SkepError(settingMismatch(name, text, `a number of ${size} bytes`));
  }
  for (let i = 0; i < size; i++) view.setUint8(offset + i, Number((bits >> BigInt(8 * i)) & 0xffn));
}

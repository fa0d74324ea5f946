import { declareC, type Storage } from '../types.ts';

export function cNameOf(storage: Storage): string {
  return declareC(storage, '').trim();
}

/** A name that C can have. */
export function safe(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_');
  return RESERVED.has(plain) || /^(__)?[us](8|16|32|64)$|^skep_|^bpf_/.test(plain) ? `${plain}_` : plain;
}

const RESERVED: ReadonlySet<string> = new Set(
  'auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false asm typeof ctx current NULL SEC'.split(
    ' ',
  ),
);

import { SkepError } from '@skep/base';
import {
  ALL_BTF_FEATURES,
  btfListing,
  btfToC,
  linkObjects,
  openObject,
  relocateCore,
  sanitizeBtf,
} from '../../src/index.ts';

/** Milliseconds that all readers together may take for one damaged object of some kilobytes. */
export const PATIENCE = 2000;

/**
 * Whatever reads objects, on one that may be damaged: programs and maps, types, relocations against its own types, the
 * linker. What they refuse, they refuse with a code; anything else that is thrown gets out of here. Says whether the
 * object could be read.
 */
export function readEverything(bytes: Uint8Array, beside: Uint8Array): 'read' | 'refused' {
  let result: 'read' | 'refused' = 'read';
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof SkepError) || error.diagnostics.length === 0 || !/^E\d{4}$/.test(error.code)) throw error;
      result = 'refused';
    }
  };
  attempt(() => {
    const { btf, programs } = openObject(bytes, { name: 'damaged.o' });
    if (!btf) return;
    for (const program of programs) attempt(() => void relocateCore(program.code, program.core, btf, btf));
    attempt(() => void sanitizeBtf(btf, { ...ALL_BTF_FEATURES, datasec: false, func: false, float: false }).toBytes());
    attempt(() => void btfToC(btf));
    attempt(() => void btfListing(btf));
  });
  const opened = result;
  attempt(() => void linkObjects([{ name: 'damaged.o', bytes }]));
  attempt(
    () =>
      void linkObjects([
        { name: 'damaged.o', bytes },
        { name: 'sound.o', bytes: beside },
      ]),
  );
  return opened;
}

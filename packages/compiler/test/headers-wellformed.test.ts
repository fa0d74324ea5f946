import { Diagnostics } from '@skep/base';
import { expect, it } from 'vitest';
import { builtinHeader, builtinHeaderNames } from '../src/c/headers/index.ts';
import { preprocess } from '../src/c/preprocess/preprocess.ts';

// Bodies of built-in macros are read only when they are expanded; here all of them are read as a user's would be.
it('every macro of the built-in headers is well formed', () => {
  for (const name of builtinHeaderNames()) {
    const diagnostics = new Diagnostics();
    const file = { name: `copy of ${name}`, text: builtinHeader(name)!.text };
    preprocess(file, { diagnostics, defines: ['__TARGET_ARCH_x86'] });
    expect(diagnostics.list.filter((one) => one.severity === 'error')).toEqual([]);
  }
});

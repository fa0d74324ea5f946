import { errnoByName } from '@skep/abi';
import { expect, test } from 'vitest';
import * as errors from '../src/errno.ts';

test("errors are the kernel's, negative", () => {
  for (const [name, value] of Object.entries(errors)) expect(-value, name).toBe(errnoByName(name)?.number);
});

import type { Diagnostic } from '@skep/base';

/** E7002 */
export const badNumber = (flags: string, value: string, wanted: string): Diagnostic => ({
  code: 'E7002',
  severity: 'error',
  message: `\`${value}\` is no value of ${flags}: ${wanted} is wanted`,
});

/** E7003 */
export const badAssignment = (text: string): Diagnostic => ({
  code: 'E7003',
  severity: 'error',
  message: `\`${text}\` sets no variable`,
  help: 'write NAME=NUMBER, for example `--set target_tgid=1234`',
});

/** E7004 */
export const badData = (text: string, why: string): Diagnostic => ({
  code: 'E7004',
  severity: 'error',
  message: `the data \`${text}\` cannot be used: ${why}`,
  help: 'give a file, or bytes in hexadecimal as in `hex:0a0b0c`',
});

/** E7005 */
export const chooseProgram = (names: readonly string[]): Diagnostic => ({
  code: 'E7005',
  severity: 'error',
  message: `the object has ${names.length} programs, and none was named`,
  help: `name one with \`--program\`: ${names.join(', ')}`,
});

/** E7006 */
export const severalOutputs = (): Diagnostic => ({
  code: 'E7006',
  severity: 'error',
  message: 'several sources cannot be written to one file',
  help: 'leave `-o` out: each object is then named after its source; linking objects is not possible yet',
});

/** E7007 */
export const cannotWrite = (path: string, why: string): Diagnostic => ({
  code: 'E7007',
  severity: 'error',
  message: `${path} cannot be written: ${why}`,
});
